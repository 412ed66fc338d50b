# tests/fuzz.mk: fuzz targets, and mutations of their seeds as a test.
# SPDX-License-Identifier: MIT
#
# A target is tests/fuzz/fuzz_NOUN.c (tests/fuzz/driver.h says what is in it)
# and one line here. With --enable-fuzz it is a libFuzzer program.
FUZZ_PROGRAMS  = tests/fuzz/fuzz_codec
FUZZ_PROGRAMS += tests/fuzz/fuzz_reader

check_PROGRAMS += $(FUZZ_PROGRAMS)
noinst_HEADERS += tests/fuzz/driver.h

FUZZ_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests
tests_fuzz_fuzz_codec_CPPFLAGS  = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_reader_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_codec_SOURCES   = tests/fuzz/fuzz_codec.c
tests_fuzz_fuzz_reader_SOURCES  = tests/fuzz/fuzz_reader.c

if PHUB_FUZZ
FUZZ_LDFLAGS = $(AM_LDFLAGS) $(PHUB_FUZZ_LDFLAGS)
tests_fuzz_fuzz_codec_LDFLAGS  = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_reader_LDFLAGS = $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/driver.c
else
tests_fuzz_fuzz_codec_SOURCES  += tests/fuzz/driver.c
tests_fuzz_fuzz_reader_SOURCES += tests/fuzz/driver.c
TESTS += $(FUZZ_PROGRAMS)
endif
