# Tests of cbor, the child protocol and the guard.

check_PROGRAMS += check_cbor
TESTS += check_cbor
check_cbor_SOURCES = tests/check_cbor.c
check_cbor_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
check_cbor_LDADD = $(CHECK_LIBS)
