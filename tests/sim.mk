# tests/sim.mk: whole clusters in the simulated environment.
# SPDX-License-Identifier: MIT
