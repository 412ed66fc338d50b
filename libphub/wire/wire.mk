# libphub/wire/wire.mk: reader, writer, messages, session.
# SPDX-License-Identifier: MIT
