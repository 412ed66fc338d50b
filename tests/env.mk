# tests/env.mk: tests of libphub/env.
# SPDX-License-Identifier: MIT
noinst_HEADERS += tests/env_world.h
check_PROGRAMS += tests/check_env_real tests/check_env_files \
	tests/check_control
TESTS          += tests/check_env_real tests/check_env_files \
	tests/check_control
