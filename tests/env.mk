# tests/env.mk: tests of libphub/env.
# SPDX-License-Identifier: MIT
noinst_HEADERS += tests/env_world.h tests/exec_fixture.h
check_PROGRAMS += tests/check_env_real tests/check_env_files \
	tests/check_control
TESTS          += tests/check_env_real tests/check_env_files \
	tests/check_control
check_PROGRAMS += tests/check_link_name
TESTS          += tests/check_link_name
check_PROGRAMS += tests/check_exec
TESTS          += tests/check_exec
EXTRA_tests_check_exec_DEPENDENCIES = tools/phub-guard$(EXEEXT) \
	tests/counter$(EXEEXT)
check_PROGRAMS += tests/check_exec_left
TESTS          += tests/check_exec_left
EXTRA_tests_check_exec_left_DEPENDENCIES = tools/phub-guard$(EXEEXT)
check_PROGRAMS += tests/check_exec_short
TESTS          += tests/check_exec_short
EXTRA_tests_check_exec_short_DEPENDENCIES = tools/phub-guard$(EXEEXT) \
	tests/counter$(EXEEXT)
