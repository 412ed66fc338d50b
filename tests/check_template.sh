#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_template: plugins/template builds out of tree against an installed phub
# with pkg-config alone, installs by DESTDIR, passes distcheck, and is found by
# the installed phub-plugin. So does a program on the installed libphubswap.
#
# Installs into a scratch prefix; with PHUB_PREFIX set that phub is used.

set -u
srcdir=${PHUB_SRCDIR:-.}
builddir=${PHUB_BUILDDIR:-.}
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
log=$scratch/log

# What is built here links a plain program to our libraries; instrumented ones
# want their runtime first in it.
if grep -q -e '-fsanitize' "$builddir/config.status" 2>/dev/null; then
    echo "skipped: the libraries are built for a sanitizer"
    exit 77
fi

fail() {
    echo "$1"
    tail -n 40 "$log"
    exit 1
}

prefix=${PHUB_PREFIX:-}
if [ -z "$prefix" ]; then
    # Configured for another prefix, so install there within DESTDIR and let
    # pkg-config look through it.
    (cd "$builddir" && make -s install DESTDIR="$scratch/root") >"$log" 2>&1 ||
        fail "make install failed"
    pc=$(find "$scratch/root" -name phub-plugin.pc)
    prefix=$(sed -n 's/^prefix=//p' "$pc")
    libdir=$(dirname "$(dirname "$pc")")
    # .pc files are relocated, as a package manager's build root would do it.
    sed -i "s|^prefix=.*|prefix=$scratch/root$prefix|" \
        "$libdir"/pkgconfig/*.pc
    case $(sed -n 's/^libdir=//p' "$pc") in
    \$*) ;;
    *) sed -i "s|^libdir=/|libdir=$scratch/root/|" "$libdir"/pkgconfig/*.pc ;;
    esac
    prefix=$scratch/root$prefix
else
    libdir=$prefix/lib
fi
PKG_CONFIG_PATH=$libdir/pkgconfig
PATH=$prefix/bin:$PATH
LD_LIBRARY_PATH=$libdir
export PKG_CONFIG_PATH PATH LD_LIBRARY_PATH
unset PHUB_PLUGIN_PATH

cp -R "$srcdir/plugins/template" "$scratch/template" &&
    chmod -R u+w "$scratch/template" && cd "$scratch/template" || exit 99
ACLOCAL_PATH=$prefix/share/aclocal autoreconf -fi >"$log" 2>&1 ||
    fail "the template's autoreconf failed"
mkdir build && cd build || exit 99
../configure --prefix="$prefix" CFLAGS="-O1 -Wall -Wextra -Werror" \
    >"$log" 2>&1 || fail "the template's configure failed"
make >"$log" 2>&1 || fail "the template does not build"
make check >"$log" 2>&1 || fail "the template's own check failed"
make install DESTDIR="$scratch/stage" >"$log" 2>&1 ||
    fail "make install DESTDIR failed"
so=$(find "$scratch/stage" -name distribution-lowest.so)
[ "$so" = "$scratch/stage$libdir/phub/abi1/distribution-lowest.so" ] ||
    fail "installed as '$so'"
[ -z "$(find "$scratch/stage" -name '*.la')" ] || fail "a .la was installed"
make distcheck >"$log" 2>&1 || fail "the template's distcheck failed"
make install >"$log" 2>&1 || fail "make install failed"
PHUB_PLUGIN_PATH=$libdir/phub/abi1 phub-plugin exists distribution lowest ||
    fail "the installed phub-plugin does not find it"
PHUB_PLUGIN_PATH=$libdir/phub/abi1 phub-plugin info lowest >"$log" 2>&1
grep -q 'skip = 0 nodes' "$log" || fail "phub-plugin info lowest"
[ "$(nm -D --defined-only "$libdir/phub/abi1/distribution-lowest.so" |
    grep -c .)" = 1 ] || fail "it exports more than its descriptor"
nm -D --undefined-only "$libdir/phub/abi1/distribution-lowest.so" |
    grep phub && fail "it needs something of phub"
if [ -x "$builddir/tests/battery_distribution" ]; then
    "$builddir/tests/battery_distribution" \
        "$libdir/phub/abi1/distribution-lowest.so" >"$log" 2>&1
    grep -q '^100%' "$log" || fail "it does not pass the battery"
fi

# A program on libphubswap, by its .pc alone, and one with the archive inside.
cat >swap.c <<'END'
#include <phub/swap.h>
int main(void)
{
    struct phub_swap *swap = NULL;
    phub_swap_free(&swap);
    return swap != NULL;
}
END
# shellcheck disable=SC2046
cc -o swap swap.c $(pkg-config --cflags --libs phub-swap) >"$log" 2>&1
./swap || fail "a program on phub-swap.pc"
# shellcheck disable=SC2046
cc -shared -fPIC -o swap.so swap.c $(pkg-config --cflags phub-swap) \
    "$libdir/libphubswap_pic.a" >"$log" 2>&1 ||
    fail "a shared object with libphubswap_pic.a"
exit 0
