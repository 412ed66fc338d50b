# tests/fuzz.mk: fuzz targets, and their corpus as a test.
# SPDX-License-Identifier: MIT
#
# A target is tests/fuzz/fuzz_NAME.c with LLVMFuzzerTestOneInput(). It is used
# twice: as an ordinary test, which feeds it the files of tests/fuzz/corpus/NAME
# and many changed copies of them (replay.c), and, configured with CC=clang-14
# --enable-fuzz, as a program of libFuzzer. .ci/run finds the latter by their
# names and runs each for a few seconds. To add NAME, repeat the lines of conf.

EXTRA_DIST += tests/fuzz/corpus

check_PROGRAMS += tests/fuzz/replay_conf
TESTS          += tests/fuzz/replay_conf
tests_fuzz_replay_conf_SOURCES = tests/fuzz/replay.c tests/fuzz/fuzz_conf.c

if PHUB_FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_conf
tests_fuzz_fuzz_conf_LDFLAGS = $(AM_LDFLAGS) $(PHUB_FUZZ_LDFLAGS)
tests_fuzz_fuzz_conf_LDADD   = libphub-core.la
endif

check_PROGRAMS += tests/fuzz/replay_child
TESTS          += tests/fuzz/replay_child
tests_fuzz_replay_child_SOURCES = tests/fuzz/replay.c tests/fuzz/fuzz_child.c

if PHUB_FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_child
tests_fuzz_fuzz_child_LDFLAGS = $(AM_LDFLAGS) $(PHUB_FUZZ_LDFLAGS)
tests_fuzz_fuzz_child_LDADD   = libphub-core.la
endif

check_PROGRAMS += tests/fuzz/replay_cluster
TESTS          += tests/fuzz/replay_cluster
tests_fuzz_replay_cluster_SOURCES = tests/fuzz/replay.c tests/fuzz/fuzz_cluster.c

if PHUB_FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_cluster
tests_fuzz_fuzz_cluster_LDFLAGS = $(AM_LDFLAGS) $(PHUB_FUZZ_LDFLAGS)
tests_fuzz_fuzz_cluster_LDADD   = libphub-core.la
endif
