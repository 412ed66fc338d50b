/* SPDX-License-Identifier: MIT */
/* random: streams of chance from one seed.
 *
 * xoshiro256** (Blackman, Vigna 2018), each stream seeded by splitmix64 from
 * the world's seed and two numbers that name the stream.  No floating point:
 * the exponential tail is built from halvings with a linear rest. */
#include "config.h"

#include "env/sim/private.h"

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}

void phub__sim_seed(struct phub__sim_random *random, uint64_t seed,
                    uint64_t a, uint64_t b)
{
    uint64_t state = seed;

    state = splitmix(&state) ^ a;
    state = splitmix(&state) ^ b;
    for (unsigned i = 0; i < 4; i++)
        random->s[i] = splitmix(&state);
}

uint64_t phub__sim_draw(struct phub__sim_random *random)
{
    uint64_t *s = random->s;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t phub__sim_below(struct phub__sim_random *random, uint64_t count)
{
    phub__assert(count != 0);
    return phub__sim_draw(random) % count;
}

uint64_t phub__sim_tail(struct phub__sim_random *random, uint64_t mean)
{
    uint64_t draw = phub__sim_draw(random);
    uint64_t halvings = (uint64_t)__builtin_ctzll(draw | (UINT64_C(1) << 13));
    uint64_t rest = draw >> 40;

    /* A halving of the probability adds ln 2 of the mean. */
    return (mean * (halvings * 693 + (rest * 693 >> 24))) / 1000;
}

int phub__sim_chance(struct phub__sim_random *random, uint32_t permille)
{
    return permille != 0 && phub__sim_below(random, 1000) < permille;
}
