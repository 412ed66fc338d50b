/* SPDX-License-Identifier: MIT */
/* tool: what the parts of phub(1) share.
 *
 *   args.c    the one table of verbs and options: parsing and --help
 *   ask.c     one question to the hub, and its records
 *   progress.c  how far it has come, meanwhile
 *   print.c   tables for people, JSON for programs
 *   spec.c    what to start: options or a file; spec_encode.c: for the hub
 *   cells.c   columns, and what the verbs share
 *   verbs.c   the verbs, and those that change something
 *   views.c   those that look; dump.c: at all that there is
 *   watch.c   the one that goes on looking
 *
 * A tool that runs out of memory says so and ends: out_of_memory(). */
#ifndef PHUB_TOOL_H
#define PHUB_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <phub/types.h>

#define EXIT_DONE 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2
#define EXIT_NO_HUB 3

/* --- args.c ------------------------------------------------------------- */

struct args;

struct verb {
    const char *name;
    const char *operands;   /* "ID...", for people */
    uint32_t operands_min, operands_max;
    bool program;           /* takes one after "--" */
    const char *help;
    int (*run)(const struct args *args);
};

/* The command line, read.  given: values by option name without dashes. */
struct args {
    const struct verb *verb;
    json_t *given;
    json_t *operands;       /* array of texts */
    json_t *program;        /* array of texts after "--", or NULL */
    const char *socket;
    bool json;
};

/* Read argv; 0, or the exit code after having said why (or the help). */
int args_read(struct args *args, int argc, char **argv, bool *over);
void args_fini(struct args *args);
const char *args_operand(const struct args *args, size_t index);
bool args_flag(const struct args *args, const char *name);
uint64_t args_number(const struct args *args, const char *name,
                     uint64_t fallback);
const char *args_text(const struct args *args, const char *name);

/* --- spec.c ------------------------------------------------------------- */

/* What a spec may say, by the names of the file; options of "start" have the
 * same names with dashes and without "_ms". */
enum field_kind {
    FIELD_BOOL = 1,   /* true */
    FIELD_NUMBER,
    FIELD_MS,         /* option: "500ms", "5s", "2m"; file: a number */
    FIELD_TEXT,
    FIELD_LIST,       /* texts */
    FIELD_PAIRS,      /* option: k=v, repeated; file: an object */
    FIELD_COMMAND,    /* option: for sh -c; file: that, or an array */
    FIELD_RESTART,
    FIELD_SIGNAL      /* "TERM", "SIGTERM" or a number */
};

struct field {
    const char *key;       /* in the file */
    enum field_kind kind;
    uint32_t spec_key;     /* PHUB_SPEC_*, 0: not in the spec itself */
    const char *option;    /* or NULL: not an option */
    const char *help;
    uint64_t min, max;     /* that the hub takes; 0: the tool does not care */
};

extern const struct field spec_fields[];   /* ends with key NULL */

/* The children that the command line asks for, one CBOR map each: array of
 * byte texts.  0, or the exit code after having said why. */
struct spec_child {
    uint8_t *cbor;
    size_t size;
    char *id;
};
struct spec_batch {
    struct spec_child *children;
    size_t count, capacity;
};
int spec_read(const struct args *args, struct spec_batch *batch);
void spec_fini(struct spec_batch *batch);

/* --- spec_encode.c: one of them; owns cbor.  False, and error says why. - */

bool spec_encode(json_t *child, const char *id, uint8_t **cbor, size_t *size,
                 char *error, size_t error_max);

/* --- spec_decode.c: back to what a file says; NULL if it is none. -------- */

json_t *spec_decode(const uint8_t *cbor, size_t size);

/* --- ask.c -------------------------------------------------------------- */

struct question {
    const char *verb;
    const json_t *ids;            /* array of texts, or NULL */
    const struct spec_child *children;
    size_t children_count;
    const char *node, *tag, *state, *replica;
    const json_t *meta;           /* array of texts, or NULL */
    uint64_t timeout_ms, count, version;
    bool rollback, no_wait, local;
    bool verbatim;                /* the answer keeps bytes */
};

/* Bytes as a text; each that is not UTF-8 is shown as Latin-1. */
json_t *text_new(const uint8_t *bytes, size_t size);

struct answer {
    int code;
    char *text;
    json_t *records;              /* array of objects, in the tool's words */
    bool verbatim;
    uint8_t *bytes;               /* the records' texts as they came */
    size_t size;
};

/* Ask and wait.  EXIT_DONE when there is an answer, whatever it says;
 * EXIT_NO_HUB or EXIT_FAILED after having said why. */
int ask(const struct args *args, const struct question *question,
        struct answer *answer);
void answer_fini(struct answer *answer);

/* --- progress.c ---------------------------------------------------------- */

bool progress_wanted(const struct args *args, const struct question *q);
void progress_show(const struct args *args, const struct question *q);
/* Take the line away before something else is said. */
void progress_end(void);

/* --- ask.c, again --------------------------------------------------------- */

/* The parts of it, for who goes on listening. */
struct phub_client;
int ask_open(const struct args *args, struct phub_client **client);
/* One frame; false if it is not what a hub says. */
bool answer_read(struct phub_bytes body, struct answer *answer, bool *more);
/* The connection has failed: say so; the exit code. */
int ask_broken(const struct args *args, int rc, const char *doing);

/* --- print.c ------------------------------------------------------------ */

enum paint { PAINT_NONE, PAINT_GOOD, PAINT_BAD, PAINT_WARN, PAINT_FAINT,
             PAINT_BOLD };

struct column {
    const char *title;
    /* Write the cell of a record; text has room for CELL_MAX bytes. */
    enum paint (*cell)(const json_t *record, char *text);
    bool right;
};
#define CELL_MAX 512u

void print_open(void);
void print_table(const struct column *columns, size_t count,
                 const json_t *records);
void print_painted(enum paint paint, const char *text);
void print_json(json_t *value);   /* takes a reference */
enum paint paint_of_state(const char *state);
const char *text_in(const json_t *record, const char *key);
uint64_t number_in(const json_t *record, const char *key);

/* --- cells.c: columns, and what the verbs share ------------------------- */

enum paint cell_restarts(const json_t *record, char *text);
enum paint cell_value(const json_t *record, char *text);
enum paint cell_weight(const json_t *record, char *text);
enum paint cell_id(const json_t *record, char *text);
enum paint cell_name(const json_t *record, char *text);
enum paint cell_text(const json_t *record, char *text);
enum paint cell_zone(const json_t *record, char *text);
enum paint cell_state(const json_t *record, char *text);
enum paint cell_node(const json_t *record, char *text);
enum paint cell_pid(const json_t *record, char *text);
enum paint cell_rtt(const json_t *record, char *text);
enum paint cell_tags(const json_t *record, char *text);
enum paint cell_published(const json_t *record, char *text);
enum paint cell_metadata(const json_t *record, char *text);
enum paint cell_outcome(const json_t *record, char *text);
/* "a=b c=d"; text has room for CELL_MAX bytes. */
void pairs_text(json_t *pairs, char *text);
/* What is as it was asked to be has not failed. */
bool is_done(int64_t code);
/* The hub refused the whole; returns the exit code. */
int refused(const struct args *args, const struct answer *answer);
/* By id or node, "web-2" before "web-10"; the caller's. */
json_t *sorted(const json_t *records);

/* --- views.c ------------------------------------------------------------ */

int run_ls(const struct args *args);
int run_nodes(const struct args *args);
int run_strategies(const struct args *args);
int run_show(const struct args *args);
int run_why(const struct args *args);
int run_status(const struct args *args);
int run_logs(const struct args *args);

/* --- dump.c ------------------------------------------------------------- */

int run_dump(const struct args *args);

/* --- watch.c ------------------------------------------------------------ */

int run_watch(const struct args *args);

/* --- phub.c ------------------------------------------------------------- */

/* "phub: ...", and with --json an object on standard output.  Returns
 * exit_code. */
int fail(const struct args *args, int exit_code, int code, const char *format,
         ...) __attribute__((format(printf, 4, 5)));
_Noreturn void out_of_memory(void);
json_t *checked(json_t *value);

extern const struct verb verbs[];   /* ends with name NULL */

#endif
