/* SPDX-License-Identifier: MIT */
/* electors_wire: what electors say to each other, and keep on the disk.
 *
 * CBOR, one array: [kind, ballot, promised, accepted, config, proposal], a
 * ballot being [number, node] and a config [history, version, [node...],
 * [node...]].  All kinds have all items, empty where they mean nothing; items
 * behind them are skipped, so that later versions can append some. */
#include <stdlib.h>
#include <string.h>

#include <phub/cbor.h>

#include "electors.h"

#define ROOM 256u   /* bytes of a message without its nodes, at most */

void electors_config_free(struct electors_config *config)
{
    free(config->nodes);
    memset(config, 0, sizeof *config);
}

int electors_config_copy(const struct electors_config *from,
                         struct electors_config *to)
{
    size_t count = (size_t)from->is_count + from->next_count;
    uint64_t *nodes = calloc(count + 1, sizeof *nodes);

    if (nodes == NULL)
        return PHUB_ENOMEM;
    if (count > 0)
        memcpy(nodes, from->nodes, count * sizeof *nodes);
    *to = *from;
    to->nodes = nodes;
    return 0;
}

/* --- to bytes ------------------------------------------------------------ */

static void write_ballot(struct phub_cbor_writer *w,
                         const struct electors_ballot *ballot)
{
    phub_cbor_write_array(w, 2);
    phub_cbor_write_uint(w, ballot->number);
    phub_cbor_write_uint(w, ballot->node);
}

static void write_nodes(struct phub_cbor_writer *w, const uint64_t *nodes,
                        uint32_t count)
{
    phub_cbor_write_array(w, count);
    for (uint32_t i = 0; i < count; i++)
        phub_cbor_write_uint(w, nodes[i]);
}

static void write_config(struct phub_cbor_writer *w,
                         const struct electors_config *config)
{
    phub_cbor_write_array(w, 4);
    phub_cbor_write_uint(w, config->history);
    phub_cbor_write_uint(w, config->version);
    write_nodes(w, config->nodes, config->is_count);
    write_nodes(w, config->next_count == 0
                       ? NULL : config->nodes + config->is_count,
                config->next_count);
}

static size_t nodes_size(const struct electors_config *config)
{
    return 9 * ((size_t)config->is_count + config->next_count);
}

int electors_encode(const struct electors_message *message, uint8_t **bytes,
                    size_t *size)
{
    size_t max = ROOM + nodes_size(&message->config)
        + nodes_size(&message->proposal);
    struct phub_cbor_writer w;

    *bytes = malloc(max);
    if (*bytes == NULL)
        return PHUB_ENOMEM;
    phub_cbor_writer_init(&w, *bytes, max);
    phub_cbor_write_array(&w, 6);
    phub_cbor_write_uint(&w, message->kind);
    write_ballot(&w, &message->ballot);
    write_ballot(&w, &message->promised);
    write_ballot(&w, &message->accepted);
    write_config(&w, &message->config);
    write_config(&w, &message->proposal);
    *size = w.size;
    return 0;
}

/* --- and back ------------------------------------------------------------ */

static bool read_rest(struct phub_cbor_reader *r, uint64_t count)
{
    while (count-- > 0)
        if (!phub_cbor_skip(r))
            return false;
    return true;
}

static bool read_ballot(struct phub_cbor_reader *r,
                        struct electors_ballot *ballot)
{
    uint64_t count;

    return phub_cbor_read_array(r, &count) && count >= 2
        && phub_cbor_read_uint(r, &ballot->number)
        && phub_cbor_read_uint(r, &ballot->node)
        && read_rest(r, count - 2);
}

/* Ids are different and not 0; they are behind those that are there.  *rc:
 * PHUB_ENOMEM, if that is why. */
static bool read_nodes(struct phub_cbor_reader *r, uint64_t **nodes,
                       uint32_t before, uint32_t *count, int *rc)
{
    uint64_t n;
    uint64_t *grown;

    if (!phub_cbor_read_array(r, &n) || n > PHUB_ELECTORS_MAX)
        return false;
    grown = realloc(*nodes, ((size_t)before + n + 1) * sizeof **nodes);
    if (grown == NULL) {
        *rc = PHUB_ENOMEM;
        return false;
    }
    *nodes = grown;
    for (uint32_t i = 0; i < n; i++) {
        if (!phub_cbor_read_uint(r, &grown[before + i])
            || grown[before + i] == 0)
            return false;
        for (uint32_t k = 0; k < i; k++)
            if (grown[before + k] == grown[before + i])
                return false;
    }
    *count = (uint32_t)n;
    return true;
}

static bool read_config(struct phub_cbor_reader *r,
                        struct electors_config *config, int *rc)
{
    uint64_t count;

    return phub_cbor_read_array(r, &count) && count >= 4
        && phub_cbor_read_uint(r, &config->history)
        && phub_cbor_read_uint(r, &config->version)
        && read_nodes(r, &config->nodes, 0, &config->is_count, rc)
        && read_nodes(r, &config->nodes, config->is_count,
                      &config->next_count, rc)
        && read_rest(r, count - 4);
}

int electors_decode(struct phub_bytes bytes, struct electors_message *message)
{
    struct phub_cbor_reader r;
    uint64_t count, kind;
    int rc = PHUB_EPROTO;

    memset(message, 0, sizeof *message);
    phub_cbor_reader_init(&r, bytes.data, bytes.size);
    if (bytes.size <= 2 * (size_t)ELECTORS_MESSAGE_MAX
        && phub_cbor_read_array(&r, &count) && count >= 6
        && phub_cbor_read_uint_max(&r, ELECTORS_LEAVING, &kind) && kind != 0
        && read_ballot(&r, &message->ballot)
        && read_ballot(&r, &message->promised)
        && read_ballot(&r, &message->accepted)
        && read_config(&r, &message->config, &rc)
        && read_config(&r, &message->proposal, &rc)
        && read_rest(&r, count - 6) && phub_cbor_read_end(&r)) {
        message->kind = (enum electors_kind)kind;
        return 0;
    }
    electors_config_free(&message->config);
    electors_config_free(&message->proposal);
    return rc;
}
