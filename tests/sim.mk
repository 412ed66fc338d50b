# tests/sim.mk: the simulated environment, and whole clusters in it.
# SPDX-License-Identifier: MIT

check_PROGRAMS += tests/check_queue tests/check_share tests/check_world
TESTS          += tests/check_queue tests/check_share tests/check_world
tests_check_queue_LDADD = libphub-sim.la $(LDADD)
tests_check_share_SOURCES = tests/check_share.c tests/registry_fixture.h
tests_check_share_LDADD = libphub-sim.la $(LDADD)
tests_check_world_LDADD = libphub-sim.la $(LDADD)

# A budget of seeds over a matrix of strategies: tests/sim/MATRIX.
check_PROGRAMS += tests/check_sim
TESTS          += tests/check_sim
tests_check_sim_LDADD = $(CHECK_LIBS)
EXTRA_tests_check_sim_DEPENDENCIES = tools/phub-sim
EXTRA_DIST += tests/sim/MATRIX tests/sim/rolling.sim

# A picture of a rolling restart of 100 nodes; half a minute of one core.
rolling.svg: tools/phub-sim$(EXEEXT) $(plugin_LTLIBRARIES)
	PHUB_PLUGIN_PATH='$(abs_builddir)/plugins/.libs' tools/phub-sim scenario \
		--report --svg $@ '$(srcdir)/tests/sim/rolling.sim'
CLEANFILES += rolling.svg

# phub-sim(1), with a strategy that goes wrong.
check_LTLIBRARIES += tests/sim/distribution-wicked.la
tests_sim_distribution_wicked_la_SOURCES = tests/sim/distribution-wicked.c
tests_sim_distribution_wicked_la_LDFLAGS = $(AM_LDFLAGS) -module \
	-avoid-version -rpath /nonexistent \
	-export-symbols-regex '^phub_plugin_abi'
dist_check_SCRIPTS += tests/check_sim_tool.sh
TESTS              += tests/check_sim_tool.sh

# Named schedules, tests/scenarios/LIST.
check_PROGRAMS += tests/check_scenario
TESTS          += tests/check_scenario
tests_check_scenario_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tools
tests_check_scenario_LDADD = libphub-simcase.la libphub-sim.la $(LDADD)
EXTRA_DIST += tests/scenarios

# phub(7) says what they judge.
dist_check_SCRIPTS += tests/check_promises.sh
TESTS              += tests/check_promises.sh

# Each judge can fail.
check_PROGRAMS += tests/check_judge
TESTS          += tests/check_judge
tests_check_judge_SOURCES = tests/check_judge.c tests/judge_cluster.c \
	tests/judge_cluster.h
tests_check_judge_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tools
tests_check_judge_LDADD = libphub-simcase.la libphub-sim.la $(LDADD)
check_PROGRAMS += tests/check_judge_people
TESTS          += tests/check_judge_people
tests_check_judge_people_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tools
tests_check_judge_people_LDADD = libphub-simcase.la libphub-sim.la $(LDADD)
check_PROGRAMS += tests/check_judge_cut
TESTS          += tests/check_judge_cut
tests_check_judge_cut_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tools
tests_check_judge_cut_LDADD = libphub-simcase.la libphub-sim.la $(LDADD)
check_PROGRAMS += tests/check_judge_away
TESTS          += tests/check_judge_away
tests_check_judge_away_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tools
tests_check_judge_away_LDADD = libphub-simcase.la libphub-sim.la $(LDADD)
check_PROGRAMS += tests/check_armed
TESTS          += tests/check_armed
tests_check_armed_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tools
tests_check_armed_LDADD = libphub-simcase.la libphub-sim.la $(LDADD)
