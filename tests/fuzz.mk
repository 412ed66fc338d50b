# tests/fuzz.mk: fuzz targets, and their corpus as a test.
# SPDX-License-Identifier: MIT
#
# configure --enable-fuzz (with CC=clang-14) sets PHUB_FUZZ and gives
# PHUB_FUZZ_LDFLAGS. A target is a program tests/fuzz/fuzz_NAME of
# tests/fuzz/fuzz_NAME.c, built only then:
#
#   if PHUB_FUZZ
#   noinst_PROGRAMS += tests/fuzz/fuzz_wire
#   tests_fuzz_fuzz_wire_LDFLAGS = $(AM_LDFLAGS) $(PHUB_FUZZ_LDFLAGS)
#   endif
#
# .ci/run finds those programs by their name and runs each for a few seconds,
# beginning with the files of tests/fuzz/corpus/NAME/ if there is such a
# directory.
