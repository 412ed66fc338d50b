# man/man.mk: the man pages: dist_man_MANS += man/<name>.<section>
# SPDX-License-Identifier: MIT
