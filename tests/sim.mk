# tests/sim.mk: whole clusters in the simulated environment.
# SPDX-License-Identifier: MIT

check_PROGRAMS += tests/check_world
TESTS          += tests/check_world
tests_check_world_LDADD = libphub-sim.la $(LDADD)
