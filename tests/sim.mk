# tests/sim.mk: whole clusters in the simulated environment.
# SPDX-License-Identifier: MIT

check_PROGRAMS += tests/check_world
TESTS          += tests/check_world
tests_check_world_LDADD = libphub-sim.la $(LDADD)

# Whole clusters: seeds by PHUB_SIM_SEEDS, or tests/sim_run --seeds 1..1000.
check_PROGRAMS += tests/sim_run
tests_sim_run_SOURCES = tests/sim/run.c tests/sim/case.c tests/sim/case.h \
	tests/sim/client.c tests/sim/judge.c tests/sim/operator.c \
	tests/sim/schedule.c
tests_sim_run_LDADD = libphub-sim.la $(LDADD)
