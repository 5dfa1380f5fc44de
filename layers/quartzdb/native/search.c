/* Best-first search of a graph (HNSW: Malkov and Yashunin, arXiv:1603.09320), then the exact scores of what it found. */
#include "arithmetic.h"
#include "comparison.h"
#include "heap.h"
#include "kernel.h"
#include "scores.h"
#include "selection.h"

#include <string.h>

#define LINKS_MAX 64

static inline const uint32_t *links_of(const qz_graph *graph, uint32_t row) {
    return (const uint32_t *)(row_at(graph, row) + graph->width + (graph->inner ? 0 : 4));
}

/* From the entry down to the lowest level, each time to whichever neighbour is the best. The row, or QZ_DAMAGED. */
static int64_t descend(const comparison *by, uint32_t *visits) {
    const qz_graph *graph = by->graph;
    if (!graph->upper) return graph->entry < graph->count ? (int64_t)graph->entry : QZ_DAMAGED;
    uint32_t node = graph->entry, rows[LINKS_MAX], nodes[LINKS_MAX];
    int32_t scores[LINKS_MAX];
    if (node >= graph->upper || graph->upper_rows[node] >= graph->count) return QZ_DAMAGED;
    rows[0] = graph->upper_rows[node];
    compare(by, rows, 1, scores);
    ++*visits;
    int64_t best = key_of(scores[0], rows[0]);
    for (uint32_t level = graph->levels; level > 0; level--) {
        for (;;) {
            uint64_t begin = (uint64_t)graph->upper_starts[node] + (uint64_t)(level - 1) * graph->upper_width;
            if (begin + graph->upper_width > graph->upper_size) return QZ_DAMAGED;
            uint32_t count = 0;
            for (; count < graph->upper_width; count++) {
                uint32_t next = graph->upper_links[begin + count];
                if (next == UINT32_MAX) break;
                if (next >= graph->upper || graph->upper_rows[next] >= graph->count) return QZ_DAMAGED;
                nodes[count] = next;
                rows[count] = graph->upper_rows[next];
            }
            compare(by, rows, count, scores);
            *visits += count;
            uint32_t from = node;
            for (uint32_t at = 0; at < count; at++) {
                int64_t key = key_of(scores[at], rows[at]);
                /* Always to a better one, so this ends, whatever the links. */
                if (key > best) {
                    best = key;
                    node = nodes[at];
                }
            }
            if (node == from) break;
        }
    }
    return graph->upper_rows[node];
}

/* The best allowed rows into scratch->top, the worst of them first. How many, or QZ_DAMAGED, or QZ_LIMIT. What is not
 * allowed leads on like any row: the way to a row that is leads through those. */
static int64_t explore(const comparison *by, qz_scratch *scratch, qz_ask *ask) {
    const qz_graph *graph = by->graph;
    int64_t *going = scratch->going, *top = scratch->top;
    uint32_t ef = ask->ef < scratch->top_max ? ask->ef : scratch->top_max, found = 0, left = 0, visits = 0;
    uint32_t allowed = 0;
    uint32_t unseen[LINKS_MAX];
    int32_t scores[LINKS_MAX];
    int64_t entry = descend(by, &visits);
    if (entry < 0) return entry;
    if (++scratch->stamp > UINT16_MAX) {
        memset(scratch->seen, 0, sizeof *scratch->seen * graph->count);
        scratch->stamp = 1;
    }
    const uint16_t stamp = (uint16_t)scratch->stamp;
    unseen[0] = (uint32_t)entry;
    uint32_t count = 1;
    scratch->seen[entry] = stamp;
    for (;;) {
        compare(by, unseen, count, scores);
        visits += count;
        for (uint32_t at = 0; at < count; at++) {
            int64_t key = key_of(scores[at], unseen[at]);
            int full = found >= ef, ok = is_allowed(ask->allowed, unseen[at]);
            allowed += (uint32_t)ok;
            if (full && key < top[0]) continue;
            if (ok) {
                if (full)
                    replace_worst(top, found, key);
                else
                    add_worst(top, found++, key);
            }
            if (left < scratch->going_max) add_best(going, left++, key);
        }
        ask->visits = visits;
        if (!left) break;
        int64_t next = take_best(going, left--);
        if (found >= ef && next < top[0]) break;
        if (ask->visits_max && visits >= (allowed < ask->allowed_least ? ask->visits_max / 4 : ask->visits_max))
            return QZ_LIMIT;
        if (left) qz_fetch(links_of(graph, row_of(going[0])), 4 * graph->links);
        const uint32_t *links = links_of(graph, row_of(next));
        count = 0;
        for (uint32_t at = 0; at < graph->links; at++) {
            uint32_t row = links[at];
            if (row >= graph->count) {
                /* After the last link there is none; any other number is no row's. */
                if (row == UINT32_MAX) break;
                return QZ_DAMAGED;
            }
            if (scratch->seen[row] == stamp) continue;
            scratch->seen[row] = stamp;
            unseen[count++] = row;
        }
    }
    return found;
}

int32_t qz_search(const qz_arithmetic *arithmetic, const qz_graph *graph, const qz_space *space,
                  const qz_vectors *vectors, qz_scratch *scratch, qz_ask *ask) {
    double per_code = qz_place(arithmetic, space, ask->query, scratch, graph->width);
    if (per_code < 0) return QZ_FAR;
    comparison by = {arithmetic, graph, scratch->codes, (float)(2.0 * per_code / graph->step)};
    int64_t found = explore(&by, scratch, ask);
    if (found < 0) return (int32_t)found;
    uint32_t depth = (uint32_t)found;
    for (; depth > ask->depth; depth--) take_worst(scratch->top, depth);
    if (!ask->count) {
        sort_best_first(scratch->top, depth);
        for (uint32_t at = 0; at < depth; at++) ask->rows[at] = row_of(scratch->top[at]);
        return (int32_t)depth;
    }
    for (uint32_t at = 0; at < depth; at++) ask->rows[at] = row_of(scratch->top[at]);
    uint32_t scored = with_extra(ask, depth);
    qz_scoring scoring = qz_scoring_of(arithmetic, vectors, ask->query);
    qz_score(&scoring, ask->rows, scored, ask->scores);
    ask->scored = scored;
    return (int32_t)select_best(scratch->top, ask->rows, ask->scores, scored, ask->count);
}
