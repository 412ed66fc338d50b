# tools/sim/sim.mk: clusters in the simulated world, with people and judges.
# SPDX-License-Identifier: MIT
noinst_LTLIBRARIES += libphub-simcase.la
libphub_simcase_la_SOURCES = \
	tools/sim/case.c tools/sim/case.h tools/sim/client.c \
	tools/sim/judge.c tools/sim/judge.h tools/sim/judge_cause.c \
	tools/sim/judge_delay.c tools/sim/judge_doubled.c \
	tools/sim/judge_growth.c tools/sim/judge_lost.c \
	tools/sim/judge_forgotten.c \
	tools/sim/judge_drained.c \
	tools/sim/judge_quorum.c tools/sim/judge_ready.c \
	tools/sim/judge_registry.c tools/sim/judge_request.c \
	tools/sim/judge_resurrected.c tools/sim/judge_scene.h \
	tools/sim/judge_state.c tools/sim/operator.c \
	tools/sim/record.c tools/sim/record.h tools/sim/schedule.c \
	tools/sim/sender.c tools/sim/switch.c \
	tools/sim/scenario.c tools/sim/scenario.h \
	tools/sim/scenario_expr.c tools/sim/scenario_faults.c \
	tools/sim/scenario_people.c tools/sim/scenario_play.c \
	tools/sim/scenario_settings.c tools/sim/scenario_slot.c \
	tools/sim/scenario_token.c tools/sim/scenario_tree.h \
	tools/sim/scenario_wait.c tools/sim/story.c
libphub_simcase_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tools

# The tool: the objects of the library, no public one of it is enough.
bin_PROGRAMS += tools/phub-sim
tools_phub_sim_SOURCES = tools/phub-sim.c tools/sim/bench.c \
	tools/sim/options.c \
	tools/sim/limits.c tools/sim/measure.c tools/sim/measure.h \
	tools/sim/pool.c tools/sim/pool.h tools/sim/progress.c \
	tools/sim/report.c tools/sim/run.c tools/sim/sandbox.c \
	tools/sim/shrink.c tools/sim/svg.c tools/sim/tool.h tools/sim/trace.c \
	tools/sim/verb_scenario.c
tools_phub_sim_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tools
tools_phub_sim_LDADD = libphub-simcase.la libphub-sim.la libphub-core.la \
	$(JANSSON_LIBS) $(MIMALLOC_LIBS) -lm
