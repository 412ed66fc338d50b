/* SPDX-License-Identifier: MIT */
/* fuzz_conf: any bytes as phub.conf. What was accepted is printed, and must
 * be read again without an error. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hub/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_again(const struct phub__config *config)
{
    struct phub__config again;
    struct phub__config_errors errors = { .used = 0 };
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return;
    phub__config_print(config, out);
    fclose(out);
    phub__config_init(&again);
    if (phub__config_parse(&again, "again", text, size, &errors) ||
        phub__config_finish(&again, "again", &errors)) {
        fputs(errors.text, stderr);
        abort();
    }
    phub__config_fini(&again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct phub__config config;
    struct phub__config_errors errors = { .used = 0 };

    phub__config_init(&config);
    phub__config_parse(&config, "fuzz", (const char *)data, size, &errors);
    if (phub__config_finish(&config, "fuzz", &errors) == 0 &&
        errors.count == 0)
        read_again(&config);
    if ((errors.count > 0) != (errors.used > 0) ||
        strlen(errors.text) != errors.used)
        abort();
    phub__config_fini(&config);
    return 0;
}
