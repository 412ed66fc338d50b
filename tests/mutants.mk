# tests/mutants.mk: planted bugs, and whether the simulator catches them.
# SPDX-License-Identifier: MIT

dist_check_SCRIPTS += tests/check_mutants.sh tests/mutants/run
TESTS              += tests/check_mutants.sh
EXTRA_DIST         += tests/mutants/child.list tests/mutants/cluster.list \
	tests/mutants/hub.list tests/mutants/leave.list \
	tests/mutants/move.list \
	tests/mutants/plugins.list tests/mutants/registry.list \
	tests/mutants/strategies.list \
	tests/mutants/wire.list tests/mutants/MASKED tests/mutants/TABLE

# The tests that mutants name.
mutants_tests = tests/check_balancer$(EXEEXT) \
	tests/check_gather$(EXEEXT) tests/check_grant$(EXEEXT) \
	tests/check_handover$(EXEEXT) tests/check_keeper$(EXEEXT) \
	tests/check_move$(EXEEXT) tests/check_order$(EXEEXT) \
	tests/check_registry$(EXEEXT) tests/check_return$(EXEEXT) \
	tests/check_session$(EXEEXT) tests/check_stable$(EXEEXT) \
	tests/check_switch$(EXEEXT)

# Ten minutes on two cores; MUTANTS="NAME..." for some.
mutants: tools/phub-sim$(EXEEXT) $(plugin_LTLIBRARIES) \
		tests/check_judge$(EXEEXT) $(mutants_tests)
	PHUB_BUILDDIR='$(abs_builddir)' $(srcdir)/tests/mutants/run $(MUTANTS)
.PHONY: mutants
