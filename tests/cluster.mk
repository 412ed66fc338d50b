# tests/cluster.mk: tests of libphub/cluster.
# SPDX-License-Identifier: MIT
check_PROGRAMS += tests/check_swim
TESTS          += tests/check_swim
tests_check_swim_SOURCES = tests/check_swim.c \
	tests/cluster_sim.c tests/cluster_sim.h
