# tests/embed.mk: actors, and hubs inside a program.
# SPDX-License-Identifier: MIT

# The program of README.md, against the library as others link it.
check_PROGRAMS += tests/embed_example
TESTS          += tests/embed_example
tests_embed_example_LDADD = libphub.la

# More of it.
check_PROGRAMS += tests/check_embed tests/check_embed_children \
	tests/check_embed_open tests/check_listing
TESTS          += tests/check_embed tests/check_embed_children \
	tests/check_embed_open tests/check_listing
noinst_HEADERS += tests/embed_fixture.h
EXTRA_tests_check_embed_children_DEPENDENCIES = tools/phub-guard$(EXEEXT)

check_PROGRAMS += tests/check_actor
TESTS          += tests/check_actor
noinst_HEADERS += tests/actor_loop.h
