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

# Ten minutes on two cores; MUTANTS="NAME..." for some.
mutants: tools/phub-sim$(EXEEXT) $(plugin_LTLIBRARIES) \
		tests/check_judge$(EXEEXT)
	PHUB_BUILDDIR='$(abs_builddir)' $(srcdir)/tests/mutants/run $(MUTANTS)
.PHONY: mutants
