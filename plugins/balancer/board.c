/* SPDX-License-Identifier: MIT */
/* board: the scores that a leader tells the others, and their bytes.
 *
 * Wire version 1, CBOR: [1, view hash, serial, [node, score, samples,
 * capacity, node, ...]], nodes ascending.  Items behind these are skipped, so
 * that later versions can append some. */
#include <stdlib.h>
#include <string.h>

#include <phub/cbor.h>

#include "balancer/balancer.h"

#define KIND_BOARD 1u
#define FIELDS 4u        /* of an entry */

void balancer_board_free(struct balancer_board *board)
{
    free(board->entries);
    memset(board, 0, sizeof *board);
}

const struct balancer_entry *
balancer_board_find(const struct balancer_board *board, uint64_t node)
{
    uint32_t low = 0, high = board->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (board->entries[middle].node < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low < board->count && board->entries[low].node == node
               ? &board->entries[low] : NULL;
}

void balancer_board_mean(struct balancer_board *board)
{
    uint64_t sum = 0;
    uint32_t i, count = 0;

    for (i = 0; i < board->count; i++) {
        sum += board->entries[i].capacity;
        count += board->entries[i].capacity != 0;
    }
    board->mean = count != 0 ? (uint32_t)(sum / count) : 0;
}

const struct balancer_board *balancer_known(const struct balancer *self)
{
    uint64_t age = self->host->now_ns(self->ctx) - self->taken_ns;

    return self->board.count != 0 &&
                   age <= BALANCER_STALE * self->interval_ms * NS_PER_MS
               ? &self->board : NULL;
}

static void write(struct phub_cbor_writer *w,
                  const struct balancer_board *board)
{
    uint32_t i;

    phub_cbor_write_array(w, 4);
    phub_cbor_write_uint(w, KIND_BOARD);
    phub_cbor_write_uint(w, board->view_hash);
    phub_cbor_write_uint(w, board->serial);
    phub_cbor_write_array(w, (uint64_t)board->count * FIELDS);
    for (i = 0; i < board->count; i++) {
        phub_cbor_write_uint(w, board->entries[i].node);
        phub_cbor_write_uint(w, board->entries[i].score);
        phub_cbor_write_uint(w, board->entries[i].samples);
        phub_cbor_write_uint(w, board->entries[i].capacity);
    }
}

int balancer_board_encode(const struct balancer_board *board,
                          uint8_t **bytes, size_t *size)
{
    struct phub_cbor_writer w;

    phub_cbor_writer_init(&w, NULL, 0);
    write(&w, board);
    *size = w.size;
    *bytes = malloc(*size);
    if (*bytes == NULL)
        return PHUB_ENOMEM;
    phub_cbor_writer_init(&w, *bytes, *size);
    write(&w, board);
    return 0;
}

static bool read_entries(struct phub_cbor_reader *r,
                         struct balancer_board *board)
{
    uint64_t before = 0, node, score, samples, capacity;
    uint32_t i;

    for (i = 0; i < board->count; i++) {
        if (!phub_cbor_read_uint(r, &node) ||
            !phub_cbor_read_uint(r, &score) ||
            !phub_cbor_read_uint(r, &samples) ||
            !phub_cbor_read_uint(r, &capacity) || node <= before ||
            score > BALANCER_SCORE_MAX || samples > BALANCER_HISTORY_MAX ||
            capacity > BALANCER_CAPACITY_MAX)
            return false;
        before = node;
        board->entries[i] = (struct balancer_entry){
            .node = node, .score = (uint32_t)score,
            .samples = (uint32_t)samples, .capacity = (uint32_t)capacity };
    }
    return true;
}

int balancer_board_decode(const struct phub_bytes *message, uint64_t leader,
                          struct balancer_board *board)
{
    struct phub_cbor_reader r;
    uint64_t items, kind, fields;

    *board = (struct balancer_board){ .leader = leader };
    phub_cbor_reader_init(&r, message->data, message->size);
    if (!phub_cbor_read_array(&r, &items) || items < 4 ||
        !phub_cbor_read_uint(&r, &kind) || kind != KIND_BOARD ||
        !phub_cbor_read_uint(&r, &board->view_hash) ||
        !phub_cbor_read_uint(&r, &board->serial) ||
        !phub_cbor_read_array(&r, &fields) || fields == 0 ||
        fields % FIELDS != 0 || fields / FIELDS > BALANCER_NODES_MAX ||
        fields > message->size)
        return PHUB_EINVAL;
    board->count = (uint32_t)(fields / FIELDS);
    board->entries = calloc(board->count, sizeof *board->entries);
    if (board->entries == NULL)
        return PHUB_ENOMEM;
    if (read_entries(&r, board)) {
        for (items -= 4; items != 0 && phub_cbor_skip(&r);)
            items--;
        if (items == 0 && phub_cbor_read_end(&r)) {
            balancer_board_mean(board);
            return 0;
        }
    }
    balancer_board_free(board);
    return PHUB_EINVAL;
}
