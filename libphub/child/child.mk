# The child protocol, its library for children, and the guard's client.

pkginclude_HEADERS += libphub/phub/cbor.h
