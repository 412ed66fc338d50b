/* SPDX-License-Identifier: MIT */
/* error: every code that a phub function can return.
 *
 * Functions return 0 or a negative PHUB_E*.  The table below is the only
 * list: names, the short text of phub_strerror() and the manual pages are
 * checked against it.  Numbers are part of the ABI and of the wire: they are
 * appended, never changed. */
#ifndef PHUB_ERROR_H
#define PHUB_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#define PHUB_ERRORS(X)                                                        \
    X(EINVAL, 1, "invalid argument")                                          \
    X(ENOMEM, 2, "out of memory")                                             \
    X(ENOTFOUND, 3, "not found")                                              \
    X(EEXIST, 4, "already started")                                           \
    X(EBUSY, 5, "busy, a limit is reached for the moment")                    \
    X(EAGAIN, 6, "not decided yet, ask again")                                \
    X(ELIMIT, 7, "over a fixed limit")                                        \
    X(ETIMEDOUT, 8, "no answer in time")                                      \
    X(ENODEDOWN, 9, "the node left the view")                                 \
    X(EPARTITIONED, 10, "refused by the partition strategy")                  \
    X(EVIEW, 11, "the nodes disagree about the view")                         \
    X(EREFUSED, 12, "refused")                                                \
    X(EPROTO, 13, "malformed or unexpected bytes")                            \
    X(EVERSION, 14, "no common version")                                      \
    X(EMISMATCH, 15, "configured differently on the two sides")               \
    X(EPLUGIN, 16, "plugin cannot be used")                                   \
    X(ECONFIG, 17, "configuration error")                                     \
    X(ESPAWN, 18, "program cannot be started")                                \
    X(EFAILED, 19, "the child failed")                                        \
    X(EUNSUPPORTED, 20, "not supported by this child or strategy")            \
    X(ESTOPPED, 21, "stopped meanwhile")                                      \
    X(EMOVED, 22, "moved elsewhere")                                          \
    X(ECANCELLED, 23, "cancelled")                                            \
    X(EIO, 24, "input or output failed")                                      \
    X(EEMPTY, 25, "nothing to work on")                                       \
    X(ESHUTDOWN, 26, "shutting down")                                         \
    X(EREPEATED, 27, "already done")                                          \
    X(ENOTCHILD, 28, "not started by phub")                                   \
    X(ENOHUB, 29, "no hub reachable")                                         \
    X(ENOPLACE, 30, "no node may hold the child")                             \
    X(ECHECKSUM, 31, "checksum differs")                                      \
    X(ESYS, 32, "system call failed")                                         \
    X(EFORGOTTEN, 33, "the node was forgotten")

enum phub_error {
#define PHUB_ERROR_ENUM_(name, number, text) PHUB_##name = -(number),
    PHUB_ERRORS(PHUB_ERROR_ENUM_)
#undef PHUB_ERROR_ENUM_
    PHUB_OK = 0
};

/* Give the text of a code: "already started"; "unknown error" for others.
 * Owns: nothing, the text is static.  Thread: any. */
const char *phub_strerror(int code);

/* Give the name of a code: "PHUB_EEXIST"; NULL for others.  Thread: any. */
const char *phub_errname(int code);

#ifdef __cplusplus
}
#endif

#endif
