# tests/fuzz.mk: fuzz targets, and their corpus as a test.
# SPDX-License-Identifier: MIT
