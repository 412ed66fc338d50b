# tests/plugins.mk: the strategies' batteries, and the out-of-tree template.
# SPDX-License-Identifier: MIT

# A host in virtual time, for every test that runs a strategy.
check_LTLIBRARIES += tests/libmock.la
tests_libmock_la_SOURCES = tests/mock_host.c tests/mock_host.h \
	tests/mock_moves.c tests/mock_streams.c
tests_libmock_la_LIBADD = libphub-core.la

check_PROGRAMS += tests/check_swap
TESTS          += tests/check_swap
tests_check_swap_LDADD = tests/libmock.la libphubswap.la $(LDADD)
