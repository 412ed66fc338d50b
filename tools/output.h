/* SPDX-License-Identifier: MIT */
/* output: what a tool prints has come where it was to go, or it fails. */
#ifndef PHUB_OUTPUT_H
#define PHUB_OUTPUT_H

/* First of all: a standard stream that is closed stays so; what is opened
 * later, a connection say, would get its number and what is printed. */
void output_begin(void);

/* Last of all: what to exit with, which is code, but 1 instead of 0 if
 * something that was printed is lost; that is said. */
int output_end(const char *tool, int code);

#endif
