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

check_PROGRAMS += $(fuzz_targets)
noinst_HEADERS += tests/fuzz/driver.h
EXTRA_DIST     += tests/fuzz/driver.c
if !PHUB_FUZZ
TESTS += $(fuzz_targets)
endif
