# tests/sim.mk: the simulated environment, and whole clusters in it.
# SPDX-License-Identifier: MIT

check_PROGRAMS += tests/check_world
TESTS          += tests/check_world
tests_check_world_LDADD = libphub-sim.la $(LDADD)

# Named schedules and seeds 1 to PHUB_SIM_SEEDS.
check_PROGRAMS += tests/check_sim
TESTS          += tests/check_sim
tests_check_sim_SOURCES = tests/check_sim.c tests/sim/scenario.c \
	tests/sim/scenario.h tests/sim/scenario_lease.c \
	tests/sim/scenario_move.c tests/sim/scenario_row.c
tests_check_sim_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tools
tests_check_sim_LDADD = libphub-simcase.la libphub-sim.la $(LDADD)

# tests/sim_run --seeds 1..1000 --nodes 3..8
check_PROGRAMS += tests/sim_run
tests_sim_run_SOURCES = tests/sim/run.c
tests_sim_run_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tools
tests_sim_run_LDADD = libphub-simcase.la libphub-sim.la $(LDADD)
