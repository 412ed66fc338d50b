/* SPDX-License-Identifier: MIT */
/* svg: a case as a page of plots over one axis of time.
 *
 * Plain SVG 1.1, by hand: bars for nodes, steps for children, moves and
 * traffic.  Colours are those of Okabe and Ito, which all people can tell
 * apart; every plot has a title, units, axes and what its colours mean. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/measure.h"

#define WIDTH 1000.0
#define LEFT 90.0
#define RIGHT 30.0
#define PLOT_W (WIDTH - LEFT - RIGHT)
#define PLOT_H 150.0
#define HEAD_H 78.0
#define TITLE_H 34.0     /* above a plot */
#define FOOT_H 44.0      /* below it: the axis */
#define NODES_H_MIN 60.0
#define NODES_H_MAX 420.0
#define NODE_H_MAX 14.0
#define LABEL_H 11.0

#define GREEN "#009e73"
#define BLUE "#0072b2"
#define SKY "#56b4e9"
#define ORANGE "#e69f00"
#define RED "#d55e00"

struct page {
    FILE *out;
    const struct sim_column *columns;
    const struct sim_track *tracks;
    uint32_t columns_count, nodes;
    uint64_t column_ns, began_ns;
    double seconds;
    double y;                /* where the next plot begins */
};

struct series {
    const char *name;
    const char *colour;
    double (*value)(const struct page *page, const struct sim_column *c);
};

static void text_put(FILE *out, const char *text)
{
    for (; *text != '\0'; text++)
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        default:
            (void)fputc(*text, out);
        }
}

/* 1, 2 or 5 times a power of ten: about count steps up to most. */
static double step_of(double most, double count)
{
    double raw = most / count, power = 1;

    if (!(raw > 0))
        return 1;
    while (power * 10 <= raw)
        power *= 10;
    while (power > raw)
        power /= 10;
    return raw <= power ? power : raw <= 2 * power ? 2 * power
        : raw <= 5 * power ? 5 * power : 10 * power;
}

static double x_of(const struct page *page, double seconds)
{
    return LEFT + PLOT_W * seconds / page->seconds;
}

static void legend(struct page *page, double x, const char *colour,
                   const char *name)
{
    fprintf(page->out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"11\" "
            "height=\"11\" fill=\"%s\"/>\n<text x=\"%.1f\" y=\"%.1f\">",
            x, page->y - 18, colour, x + 16, page->y - 8);
    text_put(page->out, name);
    fputs("</text>\n", page->out);
}

/* Title, legend and the axis of time of a plot that high. */
static void frame(struct page *page, const char *title, double height,
                  const char *const *names, const char *const *colours,
                  uint32_t count)
{
    double step = step_of(page->seconds, 10);

    page->y += TITLE_H;
    fprintf(page->out, "<text class=\"title\" x=\"%.1f\" y=\"%.1f\">", LEFT,
            page->y - 8);
    text_put(page->out, title);
    fputs("</text>\n", page->out);
    for (uint32_t i = 0; i < count; i++)
        legend(page, WIDTH - RIGHT - 135.0 * (count - i), colours[i],
               names[i]);
    for (double t = 0; t <= page->seconds + 1e-9; t += step)
        fprintf(page->out, "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" "
                "x2=\"%.1f\" y2=\"%.1f\"/>\n<text class=\"x\" x=\"%.1f\" "
                "y=\"%.1f\">%g</text>\n", x_of(page, t), page->y,
                x_of(page, t), page->y + height, x_of(page, t),
                page->y + height + 14, t);
    fprintf(page->out, "<rect class=\"frame\" x=\"%.1f\" y=\"%.1f\" "
            "width=\"%.1f\" height=\"%.1f\"/>\n<text class=\"x\" x=\"%.1f\" "
            "y=\"%.1f\">virtual time, s</text>\n", LEFT, page->y, PLOT_W,
            height, LEFT + PLOT_W / 2, page->y + height + 30);
}

/* --- nodes ---------------------------------------------------------------- */

static const char *const state_names[SIM_STATES] = {
    [SIM_NODE_DOWN] = "down", [SIM_NODE_UP] = "up",
    [SIM_NODE_FROZEN] = "frozen", [SIM_NODE_CUT] = "partitioned"
};
static const char *const state_colours[SIM_STATES] = {
    [SIM_NODE_DOWN] = RED, [SIM_NODE_UP] = GREEN, [SIM_NODE_FROZEN] = SKY,
    [SIM_NODE_CUT] = ORANGE
};

static double seconds_of(const struct page *page, uint64_t ns)
{
    return (double)(ns - page->began_ns) / 1e9;
}

static void track_put(struct page *page, uint32_t node, double y,
                      double height)
{
    const struct sim_track *track = &page->tracks[node];

    for (uint32_t i = 0; i < track->count; i++) {
        double from = seconds_of(page, track->segments[i].from_ns);
        double to = i + 1 < track->count
            ? seconds_of(page, track->segments[i + 1].from_ns)
            : page->seconds;

        fprintf(page->out, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" "
                "height=\"%.2f\" fill=\"%s\"><title>n%u %s %.2f s to %.2f s"
                "</title></rect>\n", x_of(page, from), y,
                x_of(page, to) - x_of(page, from), height,
                state_colours[track->segments[i].state], node,
                state_names[track->segments[i].state], from, to);
    }
}

static void nodes_put(struct page *page)
{
    double height = NODE_H_MAX * page->nodes, one;
    uint32_t every = 1;

    if (height < NODES_H_MIN)
        height = NODES_H_MIN;
    if (height > NODES_H_MAX)
        height = NODES_H_MAX;
    one = height / page->nodes;
    while (every * one < LABEL_H)
        every = every == 1 ? 2 : every == 2 ? 5 : every * 2;
    frame(page, "Nodes", height, state_names, state_colours, SIM_STATES);
    for (uint32_t i = 0; i < page->nodes; i++) {
        double y = page->y + i * one;

        track_put(page, i, y + one * 0.1, one * 0.8);
        if (i % every == 0)
            fprintf(page->out, "<text class=\"y\" x=\"%.1f\" y=\"%.1f\">n%u"
                    "</text>\n", LEFT - 6, y + one / 2 + 4, i);
    }
    page->y += height + FOOT_H;
}

/* --- series --------------------------------------------------------------- */

static double column_s(const struct page *page)
{
    return (double)page->column_ns / 1e9;
}

static double children_most(const struct page *page,
                            const struct sim_column *c)
{
    (void)page;
    return c->nodes_sum == 0 ? 0 : c->children_max;
}

static double children_mean(const struct page *page,
                            const struct sim_column *c)
{
    (void)page;
    return c->nodes_sum == 0 ? 0
        : (double)c->children_sum / (double)c->nodes_sum;
}

static double children_least(const struct page *page,
                             const struct sim_column *c)
{
    (void)page;
    return c->nodes_sum == 0 ? 0 : c->children_min;
}

static double moves_all(const struct page *page, const struct sim_column *c)
{
    return (double)(c->moves + c->losses) / column_s(page);
}

static double moves_planned(const struct page *page,
                            const struct sim_column *c)
{
    return (double)c->moves / column_s(page);
}

static double messages(const struct page *page, const struct sim_column *c)
{
    (void)page;
    return c->node_ns == 0 ? 0 : (double)c->frames * 1e9
        / (double)c->node_ns;
}

static double kib(const struct page *page, const struct sim_column *c)
{
    (void)page;
    return c->node_ns == 0 ? 0 : (double)c->bytes * 1e9 / 1024
        / (double)c->node_ns;
}

static double most_of(const struct page *page, const struct series *series,
                      uint32_t count)
{
    double most = 0;

    for (uint32_t k = 0; k < count; k++)
        for (uint32_t i = 0; i < page->columns_count; i++)
            most = fmax(most, series[k].value(page, &page->columns[i]));
    return most > 0 ? most : 1;
}

/* Steps; filled ones stand on the axis, the later before the earlier. */
static void steps_put(struct page *page, const struct series *series,
                      double top, int filled)
{
    double base = page->y + PLOT_H;

    fprintf(page->out, "<path d=\"M%.2f %.2f", LEFT, base);
    for (uint32_t i = 0; i < page->columns_count; i++) {
        double from = x_of(page, i * column_s(page));
        double to = fmin(x_of(page, (i + 1) * column_s(page)),
                         LEFT + PLOT_W);
        double y = base - PLOT_H
            * series->value(page, &page->columns[i]) / top;

        fprintf(page->out, "%s%.2f %.2fH%.2f", i == 0 && !filled ? "M" : "L",
                from, y, to);
    }
    if (filled)
        fprintf(page->out, "V%.2fZ\" fill=\"%s\"/>\n", base, series->colour);
    else
        fprintf(page->out, "\" fill=\"none\" stroke-width=\"1.5\" "
                "stroke=\"%s\"/>\n", series->colour);
}

static void plot(struct page *page, const char *title,
                 const struct series *series, uint32_t count, int filled)
{
    const char *names[4];
    const char *colours[4];
    double most = most_of(page, series, count);
    double step = step_of(most, 4), top = step * ceil(most / step - 1e-9);

    for (uint32_t i = 0; i < count; i++) {
        names[i] = series[i].name;
        colours[i] = series[i].colour;
    }
    frame(page, title, PLOT_H, names, colours, count > 1 ? count : 0);
    for (double v = 0; v <= top + step / 2; v += step)
        fprintf(page->out, "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" "
                "x2=\"%.1f\" y2=\"%.1f\"/>\n<text class=\"y\" x=\"%.1f\" "
                "y=\"%.1f\">%g</text>\n", LEFT,
                page->y + PLOT_H * (1 - v / top), LEFT + PLOT_W,
                page->y + PLOT_H * (1 - v / top), LEFT - 6,
                page->y + PLOT_H * (1 - v / top) + 4, v);
    for (uint32_t i = 0; i < count; i++)
        steps_put(page, &series[i], top, filled);
    page->y += PLOT_H + FOOT_H;
}

/* --- the page ------------------------------------------------------------- */

static void head(struct page *page, const struct sim_options *options,
                 const char *title, double height)
{
    fprintf(page->out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" "
            "width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n"
            "<title>", WIDTH, height, WIDTH, height);
    text_put(page->out, title);
    fputs("</title>\n<style>text{font:12px sans-serif;fill:#222}"
          ".title{font-weight:bold;font-size:14px}"
          ".head{font-weight:bold;font-size:18px}"
          ".x{text-anchor:middle}.y{text-anchor:end}"
          ".grid{stroke:#ddd}.frame{fill:none;stroke:#555}</style>\n"
          "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
          page->out);
    fprintf(page->out, "<text class=\"head\" x=\"%.1f\" y=\"34\">", LEFT);
    text_put(page->out, title);
    fprintf(page->out, "</text>\n<text x=\"%.1f\" y=\"56\">seed %" PRIu64
            ", %u nodes, %u children</text>\n", LEFT, options->seed,
            options->nodes, options->children);
    page->y = HEAD_H;
}

int sim_svg_write(const struct sim_measure *measure,
                  const struct sim_options *options, const char *title,
                  FILE *out)
{
    static const struct series children[] = {
        { "most", RED, children_most }, { "mean", BLUE, children_mean },
        { "least", GREEN, children_least } };
    static const struct series moves[] = {
        { "after a loss", RED, moves_all },
        { "planned", BLUE, moves_planned } };
    static const struct series frames[] = { { "", BLUE, messages } };
    static const struct series bytes[] = { { "", BLUE, kib } };
    struct page page = { .out = out };
    double nodes_h;

    page.columns_count = sim_measure_columns(measure, &page.columns,
                                             &page.column_ns);
    page.nodes = sim_measure_tracks(measure, &page.tracks);
    page.began_ns = sim_measure_began_ns(measure);
    page.seconds = (double)sim_measure_figures(measure)->virtual_ns / 1e9;
    if (page.seconds <= 0 || page.nodes == 0) {
        errno = ENODATA;
        return -1;
    }
    nodes_h = fmin(fmax(NODE_H_MAX * page.nodes, NODES_H_MIN), NODES_H_MAX);
    head(&page, options, title, HEAD_H + nodes_h + 4 * PLOT_H
         + 5 * (TITLE_H + FOOT_H));
    nodes_put(&page);
    plot(&page, "Children per node", children, 3, 0);
    plot(&page, "Moves per second", moves, 2, 1);
    plot(&page, "Messages per node and second", frames, 1, 1);
    plot(&page, "KiB per node and second", bytes, 1, 1);
    fputs("</svg>\n", out);
    return fflush(out) != 0 || ferror(out) ? -1 : 0;
}
