# tests/cluster.mk: tests of libphub/cluster.
# SPDX-License-Identifier: MIT
check_PROGRAMS += tests/check_swim
TESTS          += tests/check_swim
tests_check_swim_SOURCES = tests/check_swim.c \
	tests/cluster_sim.c tests/cluster_sim.h
check_PROGRAMS += tests/check_grant
TESTS          += tests/check_grant
tests_check_grant_SOURCES = tests/check_grant.c \
	tests/cluster_sim.c tests/cluster_sim.h
check_PROGRAMS += tests/check_member
TESTS          += tests/check_member
tests_check_member_SOURCES = tests/check_member.c \
	tests/cluster_sim.c tests/cluster_sim.h
check_PROGRAMS += tests/check_view
TESTS          += tests/check_view
