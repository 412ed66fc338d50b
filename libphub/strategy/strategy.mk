# libphub/strategy/strategy.mk: the plugin loader and a typed caller per kind.
# SPDX-License-Identifier: MIT
