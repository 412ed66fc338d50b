# tests/abi.mk: layout asserts, symbol lists, bad plugins.
# SPDX-License-Identifier: MIT

# Bad plugins, one for each check of the loader.
BAD_LINK_FLAGS = $(AM_LDFLAGS) -module -avoid-version -rpath /nonexistent \
	-export-symbols-regex '^phub_plugin_abi'
check_LTLIBRARIES += tests/abi/distribution-bad_abi2.la
tests_abi_distribution_bad_abi2_la_SOURCES = tests/abi/bad_abi2.c
tests_abi_distribution_bad_abi2_la_LDFLAGS = $(BAD_LINK_FLAGS)
check_LTLIBRARIES += tests/abi/distribution-bad_flags.la
tests_abi_distribution_bad_flags_la_SOURCES = tests/abi/bad_flags.c
tests_abi_distribution_bad_flags_la_LDFLAGS = $(BAD_LINK_FLAGS)
check_LTLIBRARIES += tests/abi/distribution-bad_future.la
tests_abi_distribution_bad_future_la_SOURCES = tests/abi/bad_future.c
tests_abi_distribution_bad_future_la_LDFLAGS = $(BAD_LINK_FLAGS)
check_LTLIBRARIES += tests/abi/distribution-bad_kind.la
tests_abi_distribution_bad_kind_la_SOURCES = tests/abi/bad_kind.c
tests_abi_distribution_bad_kind_la_LDFLAGS = $(BAD_LINK_FLAGS)
check_LTLIBRARIES += tests/abi/distribution-bad_magic.la
tests_abi_distribution_bad_magic_la_SOURCES = tests/abi/bad_magic.c
tests_abi_distribution_bad_magic_la_LDFLAGS = $(BAD_LINK_FLAGS)
check_LTLIBRARIES += tests/abi/distribution-bad_needs.la
tests_abi_distribution_bad_needs_la_SOURCES = tests/abi/bad_needs.c
tests_abi_distribution_bad_needs_la_LDFLAGS = $(BAD_LINK_FLAGS)
check_LTLIBRARIES += tests/abi/distribution-bad_open.la
tests_abi_distribution_bad_open_la_SOURCES = tests/abi/bad_open.c
tests_abi_distribution_bad_open_la_LDFLAGS = $(BAD_LINK_FLAGS)
check_LTLIBRARIES += tests/abi/distribution-bad_params.la
tests_abi_distribution_bad_params_la_SOURCES = tests/abi/bad_params.c
tests_abi_distribution_bad_params_la_LDFLAGS = $(BAD_LINK_FLAGS)
check_LTLIBRARIES += tests/abi/distribution-bad_short.la
tests_abi_distribution_bad_short_la_SOURCES = tests/abi/bad_short.c
tests_abi_distribution_bad_short_la_LDFLAGS = $(BAD_LINK_FLAGS)
check_LTLIBRARIES += tests/abi/distribution-bad_size.la
tests_abi_distribution_bad_size_la_SOURCES = tests/abi/bad_size.c
tests_abi_distribution_bad_size_la_LDFLAGS = $(BAD_LINK_FLAGS)
check_LTLIBRARIES += tests/abi/distribution-bad_symbol.la
tests_abi_distribution_bad_symbol_la_SOURCES = tests/abi/bad_symbol.c
tests_abi_distribution_bad_symbol_la_LDFLAGS = $(BAD_LINK_FLAGS)
check_LTLIBRARIES += tests/abi/distribution-bad_texts.la
tests_abi_distribution_bad_texts_la_SOURCES = tests/abi/bad_texts.c
tests_abi_distribution_bad_texts_la_LDFLAGS = $(BAD_LINK_FLAGS)
check_LTLIBRARIES += tests/abi/distribution-bad_vtable.la
tests_abi_distribution_bad_vtable_la_SOURCES = tests/abi/bad_vtable.c
tests_abi_distribution_bad_vtable_la_LDFLAGS = $(BAD_LINK_FLAGS)
noinst_HEADERS += tests/abi/bad.h
check_LTLIBRARIES += tests/abi/distribution-bad_crash.la
tests_abi_distribution_bad_crash_la_SOURCES = tests/abi/bad_crash.c
tests_abi_distribution_bad_crash_la_LDFLAGS = $(BAD_LINK_FLAGS)

# What is promised about bytes and names.
check_PROGRAMS += tests/abi/layout_1_0
TESTS          += tests/abi/layout_1_0
tests_abi_layout_1_0_LDADD =
dist_check_SCRIPTS += tests/abi/symbols.sh
TESTS              += tests/abi/symbols.sh
EXTRA_DIST += tests/abi/libphubchild.list tests/abi/libphubswap.list
