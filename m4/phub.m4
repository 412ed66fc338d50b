dnl phub.m4: build a phub strategy out of tree          -*- autoconf -*-
dnl SPDX-License-Identifier: MIT
dnl
dnl PHUB_CHECK_PLUGIN([MINIMUM-ABI])
dnl Find an installed phub by pkg-config and set
dnl   PHUB_PLUGIN_CFLAGS   for the preprocessor
dnl   PHUB_PLUGIN_LDFLAGS  for libtool's link of distribution-NAME.la; write
dnl                            distribution_NAME_la_LDFLAGS = \
dnl                                -module $(PHUB_PLUGIN_LDFLAGS)
dnl                        because automake looks for that word itself
dnl   phubplugindir        where it is installed: phub's plugin directory seen
dnl                        from *this* package's libdir, unexpanded, so that
dnl                        DESTDIR and "make distcheck" work. Configure with
dnl                        phub's own prefix, or set PHUB_PLUGIN_PATH for phubd.
dnl MINIMUM-ABI is MAJOR.MINOR and defaults to 1.0. (The macro is not called as
dnl the prefix of its variables: m4 would expand that name for ever.)
AC_DEFUN([PHUB_CHECK_PLUGIN], [
    AC_REQUIRE([PKG_PROG_PKG_CONFIG])
    PKG_CHECK_MODULES([PHUB_PLUGIN], [phub-plugin], [],
        [AC_MSG_ERROR([phub-plugin.pc not found; install phub or set PKG_CONFIG_PATH])])
    phub_abi=`$PKG_CONFIG --variable=abi phub-plugin`
    phub_abi_wanted=m4_default([$1], [1.0])
    AC_MSG_CHECKING([for phub plugin ABI >= $phub_abi_wanted])
    AS_IF([test "${phub_abi%%.*}" = "${phub_abi_wanted%%.*}" \
           && test "${phub_abi[#]*.}" -ge "${phub_abi_wanted[#]*.}"],
        [AC_MSG_RESULT([$phub_abi])],
        [AC_MSG_RESULT([no])
         AC_MSG_ERROR([phub offers plugin ABI $phub_abi, $phub_abi_wanted is needed])])
    phub_libdir=`$PKG_CONFIG --variable=libdir phub-plugin`
    phub_plugindir=`$PKG_CONFIG --variable=plugindir phub-plugin`
    AC_SUBST([phubplugindir], ['${libdir}'"${phub_plugindir[#]"$phub_libdir"}"])
    AC_SUBST([PHUB_PLUGIN_LDFLAGS],
        ['-module -avoid-version -export-symbols-regex ^phub_plugin_abi -Wl,-z,nodelete,-z,defs'])
])
