# tests/fuzz.mk: fuzz targets, and mutations of their seeds as a test.
# SPDX-License-Identifier: MIT
#
# A target is tests/fuzz/fuzz_NOUN.c (tests/fuzz/driver.h says what is in it)
# and three lines here. With --enable-fuzz it is a libFuzzer program.
if PHUB_FUZZ
fuzz_main =
fuzz_link = $(AM_LDFLAGS) $(PHUB_FUZZ_LDFLAGS)
else
fuzz_main = tests/fuzz/driver.c
fuzz_link = $(AM_LDFLAGS)
endif

fuzz_targets = tests/fuzz/fuzz_codec
tests_fuzz_fuzz_codec_SOURCES = tests/fuzz/fuzz_codec.c $(fuzz_main)
tests_fuzz_fuzz_codec_LDFLAGS = $(fuzz_link)

fuzz_targets += tests/fuzz/fuzz_reader
tests_fuzz_fuzz_reader_SOURCES = tests/fuzz/fuzz_reader.c $(fuzz_main)
tests_fuzz_fuzz_reader_LDFLAGS = $(fuzz_link)

fuzz_targets += tests/fuzz/fuzz_registry
tests_fuzz_fuzz_registry_SOURCES = tests/fuzz/fuzz_registry.c $(fuzz_main)
tests_fuzz_fuzz_registry_LDFLAGS = $(fuzz_link)

# Any bytes to a whole hub in a simulated world.
fuzz_targets += tests/fuzz/fuzz_ops
tests_fuzz_fuzz_ops_SOURCES = tests/fuzz/fuzz_ops.c $(hub_fixture) \
	$(fuzz_main)
tests_fuzz_fuzz_ops_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_ops_LDADD   = $(hub_ldadd)

fuzz_targets += tests/fuzz/fuzz_control
tests_fuzz_fuzz_control_SOURCES = tests/fuzz/fuzz_control.c $(hub_fixture) \
	$(fuzz_main)
tests_fuzz_fuzz_control_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_control_LDADD   = $(hub_ldadd)

# A file for the simulator.
fuzz_targets += tests/fuzz/fuzz_scenario
tests_fuzz_fuzz_scenario_SOURCES = tests/fuzz/fuzz_scenario.c $(fuzz_main)
tests_fuzz_fuzz_scenario_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tools
tests_fuzz_fuzz_scenario_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_scenario_LDADD = libphub-simcase.la libphub-sim.la $(LDADD)

check_PROGRAMS += $(fuzz_targets)
noinst_HEADERS += tests/fuzz/driver.h
EXTRA_DIST     += tests/fuzz/driver.c
if !PHUB_FUZZ
TESTS += $(fuzz_targets)
endif

# Those with a corpus in tests/fuzz/corpus: replay.c feeds it, and changed
# copies of it, to the target as a test.
EXTRA_DIST += tests/fuzz/corpus
if PHUB_FUZZ
fuzz_corpus = tests/fuzz/fuzz_child tests/fuzz/fuzz_cluster \
	tests/fuzz/fuzz_conf
noinst_PROGRAMS += $(fuzz_corpus)
tests_fuzz_fuzz_child_LDFLAGS   = $(fuzz_link)
tests_fuzz_fuzz_child_LDADD     = libphub-core.la
tests_fuzz_fuzz_cluster_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_cluster_LDADD   = libphub-core.la
tests_fuzz_fuzz_conf_LDFLAGS    = $(fuzz_link)
tests_fuzz_fuzz_conf_LDADD      = libphub-core.la
else
fuzz_corpus = tests/fuzz/replay_child tests/fuzz/replay_cluster \
	tests/fuzz/replay_conf
check_PROGRAMS += $(fuzz_corpus)
TESTS          += $(fuzz_corpus)
tests_fuzz_replay_child_SOURCES   = tests/fuzz/replay.c tests/fuzz/fuzz_child.c
tests_fuzz_replay_cluster_SOURCES = tests/fuzz/replay.c \
	tests/fuzz/fuzz_cluster.c
tests_fuzz_replay_conf_SOURCES    = tests/fuzz/replay.c tests/fuzz/fuzz_conf.c
endif

# All of them, for .ci/run.
.PHONY: fuzz-programs
fuzz-programs: $(fuzz_targets) $(fuzz_corpus) $(plugin_LTLIBRARIES)
