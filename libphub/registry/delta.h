/* SPDX-License-Identifier: MIT */
/* delta: entries on their way from one registry to another, as C structs. */
#ifndef PHUB__REGISTRY_DELTA_H
#define PHUB__REGISTRY_DELTA_H

#include <stdint.h>

#include "registry/row.h"
#include "wire/codec.h"

struct phub__wire_entry {
    uint64_t sequence;
    struct phub_bytes id;
    struct phub_bytes life;
    struct phub_bytes half;
    struct phub__home home;
    struct phub__list replicas; /* of uint64_t, beside home */
};

struct phub__wire_piece {
    uint64_t node;
    uint64_t boot;
    uint64_t from;
    uint64_t to;
    struct phub__list entries;  /* of struct phub__wire_entry, by sequence */
    struct phub__list stable;   /* of a repair: uint64_t lo, hi, lo, hi, ... */
    bool repair;
};

struct phub__wire_delta {
    struct phub__list pieces;   /* of struct phub__wire_piece */
    struct phub__list known;    /* on a disk: of uint64_t, nodes */
};

extern const struct phub__schema phub__delta_schema;

#endif
