/* SPDX-License-Identifier: MIT */
/* mock_streams: registries of one counter per author.
 *
 * Node i's stream is the entries 1 .. head; what a node knows is how far it
 * has applied each stream, and a summary is that, 8 bytes a node.  A delta is
 * three numbers of 8 bytes per piece (author, first, last) and, so that sizes
 * are real, 20 bytes per entry. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "mock_host.h"

#define ENTRY_SIZE 20u
#define PIECE_HEAD 24u

struct piece {
    uint64_t author, first, last;
};

static struct phub_buf *piece_buf(struct mock *mock, struct piece piece)
{
    size_t size = PIECE_HEAD + (piece.last - piece.first + 1) * ENTRY_SIZE;
    uint8_t *bytes = calloc(1, size);
    struct phub_buf *buf;

    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, &piece, sizeof piece);
    buf = mock_buf(mock->world, bytes, size);
    free(bytes);
    return buf;
}

static uint64_t room(uint32_t size_max)
{
    return size_max < PIECE_HEAD + ENTRY_SIZE
               ? 0 : (size_max - PIECE_HEAD) / ENTRY_SIZE;
}

static uint64_t host_stream_head(struct phub_ctx *ctx)
{
    return mock_of(ctx)->head;
}

static int host_stream_delta(struct phub_ctx *ctx, uint64_t from,
                             uint32_t size_max, struct phub_buf **delta,
                             uint64_t *next)
{
    struct mock *mock = mock_of(ctx);
    struct piece piece = { mock->id, from + 1, mock->head };

    if (from >= mock->head)
        return PHUB_EEMPTY;
    if (room(size_max) == 0)
        return PHUB_ELIMIT;
    if (piece.last - from > room(size_max))
        piece.last = from + room(size_max);
    *delta = piece_buf(mock, piece);
    *next = piece.last;
    return 0;
}

/* Odd in size, as no summary is. */
struct brief {
    uint8_t hash[7];
};

static struct brief brief_of(const uint64_t *applied)
{
    XXH64_hash_t hash = XXH3_64bits(applied, (MOCK_AUTHORS_MAX + 1) *
                                                 sizeof *applied);
    struct brief brief;

    memcpy(brief.hash, &hash, sizeof brief.hash);
    return brief;
}

static int host_stream_summary(struct phub_ctx *ctx,
                               struct phub_buf **summary)
{
    struct mock *mock = mock_of(ctx);

    *summary = mock_buf(mock->world, mock->applied,
                        (mock->world->nodes_count + 1) *
                            sizeof mock->applied[0]);
    return 0;
}

static int host_stream_brief(struct phub_ctx *ctx, struct phub_buf **summary)
{
    struct mock *mock = mock_of(ctx);
    struct brief brief = brief_of(mock->applied);

    *summary = mock_buf(mock->world, &brief, sizeof brief);
    return 0;
}

/* As long as there were nodes when it was written. */
static bool summary_read(const struct phub_bytes *summary,
                         uint64_t theirs[MOCK_AUTHORS_MAX + 1])
{
    size_t size = (MOCK_AUTHORS_MAX + 1) * sizeof *theirs;

    if (summary->size > size || summary->size % sizeof *theirs != 0)
        return false;
    memset(theirs, 0, size);
    if (summary->size > 0)
        memcpy(theirs, summary->data, summary->size);
    return true;
}

static int host_stream_missing(struct phub_ctx *ctx,
                               const struct phub_bytes *summary,
                               uint32_t size_max, struct phub_buf **delta,
                               uint32_t *more)
{
    struct mock *mock = mock_of(ctx);
    uint64_t theirs[MOCK_AUTHORS_MAX + 1];
    struct piece piece = { 0, 0, 0 };
    uint32_t i, lacking = 0;

    if (!summary_read(summary, theirs))
        return PHUB_EPROTO;
    for (i = 1; i <= MOCK_AUTHORS_MAX; i++) {
        if (theirs[i] >= mock->applied[i])
            continue;
        if (lacking++ == 0)
            piece = (struct piece){ i, theirs[i] + 1, mock->applied[i] };
    }
    if (lacking == 0)
        return PHUB_EEMPTY;
    if (room(size_max) == 0)
        return PHUB_ELIMIT;
    *more = lacking > 1;
    if (piece.last - piece.first + 1 > room(size_max)) {
        piece.last = piece.first + room(size_max) - 1;
        *more = 1;
    }
    *delta = piece_buf(mock, piece);
    return 0;
}

static int host_stream_apply(struct phub_ctx *ctx, uint64_t from,
                             const struct phub_bytes *delta)
{
    struct mock *mock = mock_of(ctx);
    struct piece piece;

    (void)from;
    if (delta->size < sizeof piece)
        return PHUB_EPROTO;
    memcpy(&piece, delta->data, sizeof piece);
    if (piece.author == 0 || piece.author > MOCK_AUTHORS_MAX ||
        piece.first > piece.last ||
        delta->size != PIECE_HEAD + (piece.last - piece.first + 1) *
                                        ENTRY_SIZE)
        return PHUB_EPROTO;
    if (piece.first > mock->applied[piece.author] + 1)
        return PHUB_EAGAIN;
    if (piece.last > mock->applied[piece.author])
        mock->applied[piece.author] = piece.last;
    return 0;
}

static int host_stream_equal(struct phub_ctx *ctx,
                             const struct phub_bytes *summary)
{
    struct mock *mock = mock_of(ctx);
    struct brief own = brief_of(mock->applied);
    uint64_t theirs[MOCK_AUTHORS_MAX + 1];

    if (summary->size == sizeof own && !PHUB_HAS(&mock->host, stream_brief))
        mock_violate(mock->world, "a brief for a host that has none");
    if (summary->size == sizeof own)
        return memcmp(summary->data, &own, sizeof own) == 0;
    return summary_read(summary, theirs) &&
           memcmp(theirs, mock->applied, sizeof theirs) == 0;
}

void mock_write(struct mock *mock, uint32_t entries)
{
    mock->head += entries;
    mock->applied[mock->id] = mock->head;
    if (mock->strategy != NULL)
        phub__call_changed(mock->strategy, mock->head);
}

void mock_streams_host(struct phub_host *host)
{
    host->stream_head = host_stream_head;
    host->stream_delta = host_stream_delta;
    host->stream_summary = host_stream_summary;
    host->stream_missing = host_stream_missing;
    host->stream_apply = host_stream_apply;
    host->stream_equal = host_stream_equal;
    host->stream_brief = host_stream_brief;
}
