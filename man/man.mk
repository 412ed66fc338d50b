# man/man.mk: the man pages: dist_man_MANS += man/<name>.<section>
# SPDX-License-Identifier: MIT
dist_man_MANS += man/phub-child.7 man/phub-guard.8 man/phub_child.3
