/* SPDX-License-Identifier: MIT */
/* phub: ask a hub, from a terminal or a script; see phub(1). */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "cli/tool.h"
#include "output.h"

_Noreturn void out_of_memory(void)
{
    fputs("phub: out of memory\n", stderr);
    exit(EXIT_FAILED);
}

json_t *checked(json_t *value)
{
    if (value == NULL)
        out_of_memory();
    return value;
}

int fail(const struct args *args, int exit_code, int code, const char *format,
         ...)
{
    char text[1024];
    const char *name = phub_errname(code);
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    fprintf(stderr, "phub: %s\n", text);
    if (args->json)
        print_json(checked(json_pack("{s{siss*ss}}", "error", "code", code,
                                     "name", name != NULL ? name : "",
                                     "text", text)));
    return exit_code;
}

int main(int argc, char **argv)
{
    struct args args;
    bool over;
    int rc;

    output_begin();
    print_open();
    rc = args_read(&args, argc, argv, &over);
    if (rc == 0 && !over)
        rc = args.verb->run(&args);
    args_fini(&args);
    return output_end("phub", rc);
}
