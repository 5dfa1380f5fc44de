/* How good rows are by their codes. */
#ifndef QUARTZDB_COMPARISON_H
#define QUARTZDB_COMPARISON_H

#include "arithmetic.h"
#include "heap.h"
#include "kernel.h"

#include <string.h>

typedef struct {
    const qz_arithmetic *arithmetic;
    const qz_graph *graph;
    const int8_t *codes;
    float ratio; /* twice what a product of codes weighs against a squared length of codes */
} comparison;

static inline const uint8_t *row_at(const qz_graph *graph, uint32_t row) {
    return graph->rows + (size_t)graph->stride * row;
}

/* How good some rows are, as whole numbers of that order. */
static inline void compare(const comparison *by, const uint32_t *rows, uint32_t count,
                           int32_t *scores) {
    const qz_graph *graph = by->graph;
    by->arithmetic->code_products(by->codes, graph->rows, graph->stride, graph->width, rows, count, scores);
    if (graph->inner) return;
    for (uint32_t at = 0; at < count; at++) {
        int32_t squared;
        memcpy(&squared, row_at(graph, rows[at]) + graph->width, sizeof squared);
        scores[at] = ordered(by->ratio * (float)scores[at] - (float)squared);
    }
}

static inline int is_allowed(const uint8_t *allowed, uint32_t row) {
    return !allowed || (allowed[row >> 3] >> (row & 7) & 1);
}

#endif
