# The child protocol, its library for children, and the guard's client.

pkginclude_HEADERS += libphub/phub/cbor.h
noinst_HEADERS += libphub/child/runner.h libphub/child/spec.h
