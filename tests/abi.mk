# tests/abi.mk: layout asserts, symbol lists, bad plugins.
# SPDX-License-Identifier: MIT
