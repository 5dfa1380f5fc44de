/* The best of some rows, exactly: all are compared by their codes, and those that may be among the best are scored.
 *
 * Codes err by no more than a bound: what a row's codes stand for is at most `error` from the row, and the same is known
 * of the query. So of the rows with the k best codes the worst is at least so good, and who is behind it by more than what
 * both can err by is not among the k best. What is left is scored from the best on, until not even an error of codes makes
 * the next better than the k best scores. */
#include "arithmetic.h"
#include "comparison.h"
#include "heap.h"
#include "kernel.h"
#include "scores.h"
#include "selection.h"

#include <float.h>
#include <math.h>

enum { BATCH = 512, SCORED_AT_ONCE = 16 };

/* What sums of floats may be off by, of the lengths that went into them, up to some thousand coordinates. */
#define ROUNDING 2e-5

/* In the space of the graph: products of the query's direction, or distances. */
typedef struct {
    double unit;  /* what a product of codes, or a squared length, of one stands for */
    double asked; /* the squared length of what the query's codes stand for */
    double error; /* how far codes may be off */
    double scale; /* what a score of one is there */
    int inner;
} bound;

static bound bound_of(const qz_graph *graph, const qz_space *space, const qz_scratch *scratch, double per_code,
                      const qz_scoring *scoring) {
    double off = 0, codes = 0, placed = 0;
    for (uint32_t i = 0; i < space->padded; i++) {
        double stands_for = per_code * scratch->codes[i], difference = scratch->placed[i] - stands_for;
        off += difference * difference;
        codes += stands_for * stands_for;
        placed += (double)scratch->placed[i] * scratch->placed[i];
    }
    bound it = {0};
    it.inner = graph->inner != 0;
    if (it.inner) {
        it.unit = per_code * graph->step;
        it.error = graph->error * sqrt(placed) + sqrt(off) * graph->longest;
        it.scale = scoring->vectors->metric == QZ_COSINE ? 1 : 1 / (scoring->length * space->scale);
    } else {
        it.unit = graph->step * graph->step;
        it.asked = codes;
        it.scale = 1 / space->scale;
        it.error = graph->error + sqrt(off) + graph->step + ROUNDING * scoring->length * it.scale;
    }
    it.error += ROUNDING * (sqrt(placed) + graph->longest + graph->error);
    return it;
}

static double distance_of(const bound *by, int32_t score) {
    double squared = by->asked - by->unit * unordered(score);
    return sqrt(squared > 0 ? squared : 0);
}

/* What a row's codes must reach, given the worst of the best codes so far. */
static int32_t floor_of(const bound *by, int32_t worst) {
    if (by->inner) {
        double least = worst - ceil(2 * by->error / by->unit);
        return least > INT32_MIN ? (int32_t)least : INT32_MIN;
    }
    double furthest = distance_of(by, worst) + 2 * by->error;
    return ordered(nextafterf((float)((by->asked - furthest * furthest) / by->unit), -FLT_MAX));
}

/* Whether a row with such codes may score as well as that. */
static int reaches(const bound *by, int32_t score, float least) {
    if (by->inner) return score * by->unit + by->error >= least * by->scale;
    return distance_of(by, score) - by->error <= -(double)least * by->scale;
}

/* Where in a list, or in a bitmap, the next rows are read. */
typedef struct {
    const qz_ask *ask;
    uint64_t at;
    uint64_t bits; /* of the bitmap's word before `at`, those that are still to be read */
    uint32_t rows;
} reading;

static uint64_t word_at(const uint8_t *bitmap, uint64_t word, uint32_t rows) {
    uint64_t bits = 0, begin = 8 * word, end = ((uint64_t)rows + 7) / 8;
    memcpy(&bits, bitmap + begin, begin + 8 <= end ? 8 : end - begin);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    bits = __builtin_bswap64(bits);
#endif
    return bits;
}

/* The next rows, at most BATCH. How many, or QZ_ABSENT. */
static int32_t next_rows(reading *from, uint32_t *rows) {
    const qz_ask *ask = from->ask;
    int32_t count = 0;
    if (ask->listed) {
        for (; count < BATCH && from->at < ask->listed_count; from->at++) {
            int64_t row = ask->listed[from->at];
            if (row < 0 || row >= from->rows) return QZ_ABSENT;
            rows[count++] = (uint32_t)row;
        }
        return count;
    }
    const uint64_t words = ((uint64_t)from->rows + 63) / 64;
    while (count < BATCH) {
        if (!from->bits) {
            if (from->at == words) break;
            from->bits = ask->allowed ? word_at(ask->allowed, from->at, from->rows) : ~UINT64_C(0);
            from->at++;
            continue;
        }
        uint64_t row = 64 * (from->at - 1) + (uint64_t)__builtin_ctzll(from->bits);
        from->bits &= from->bits - 1;
        if (row < from->rows) rows[count++] = (uint32_t)row;
    }
    return count;
}

static int is_extra(const qz_ask *ask, uint32_t row) {
    for (uint32_t at = 0; at < ask->extras; at++)
        if (ask->extra[at] == row) return 1;
    return 0;
}

static uint32_t still_good(int64_t *keys, uint32_t count, int32_t least) {
    uint32_t kept = 0;
    for (uint32_t at = 0; at < count; at++)
        if ((int32_t)(keys[at] >> 32) >= least) keys[kept++] = keys[at];
    return kept;
}

/* Those that may be among the best, by their codes, into scratch->going. How many, QZ_ABSENT or QZ_LIMIT. */
static int64_t sift(const comparison *codes, const bound *by, qz_scratch *scratch, const qz_ask *ask) {
    reading from = {ask, 0, 0, codes->graph->count};
    uint32_t rows[BATCH], found = 0, kept = 0;
    int32_t scores[BATCH], least = INT32_MIN;
    int64_t *top = scratch->top, *good = scratch->going;
    for (;;) {
        int32_t count = next_rows(&from, rows);
        if (count <= 0) {
            if (count < 0) return count;
            break;
        }
        compare(codes, rows, (uint32_t)count, scores);
        for (int32_t at = 0; at < count; at++) {
            if (scores[at] < least || (ask->extras && is_extra(ask, rows[at]))) continue;
            int64_t key = key_of(scores[at], rows[at]);
            if (found < ask->count) {
                add_worst(top, found++, key);
                if (found == ask->count) least = floor_of(by, (int32_t)(top[0] >> 32));
            } else if (key > top[0]) {
                replace_worst(top, found, key);
                least = floor_of(by, (int32_t)(top[0] >> 32));
            }
            if (kept == scratch->going_max) {
                kept = still_good(good, kept, least);
                /* Where codes tell hardly any row from another, to sift again and again would take longer than scores. */
                if (kept > scratch->going_max / 2) return QZ_LIMIT;
            }
            good[kept++] = key;
        }
    }
    return still_good(good, kept, least);
}

int32_t qz_listed(const qz_arithmetic *arithmetic, const qz_graph *graph, const qz_space *space,
                  const qz_vectors *vectors, qz_scratch *scratch, qz_ask *ask) {
    if (!ask->count || ask->count > scratch->top_max) return QZ_LIMIT;
    double per_code = qz_place(arithmetic, space, ask->query, scratch, graph->width);
    if (!(per_code > 0)) return QZ_FAR;
    comparison codes = {arithmetic, graph, scratch->codes, (float)(2.0 * per_code / graph->step)};
    qz_scoring scoring = qz_scoring_of(arithmetic, vectors, ask->query);
    bound by = bound_of(graph, space, scratch, per_code, &scoring);
    if (!(by.error < FLT_MAX && by.scale < FLT_MAX && by.unit > 0)) return QZ_FAR;
    int64_t good = sift(&codes, &by, scratch, ask);
    if (good < 0) return (int32_t)good;
    int64_t *going = scratch->going, *top = scratch->top;
    uint32_t left = 0, found = 0, scored = with_extra(ask, 0), from = 0;
    for (; left < good; left++) add_best(going, left, going[left]);
    for (uint32_t wanted = ask->count;; wanted = SCORED_AT_ONCE) {
        while (left && wanted) {
            if (found == ask->count &&
                !reaches(&by, (int32_t)(going[0] >> 32), unordered((int32_t)(top[0] >> 32))))
                left = 0;
            else if (scored == scratch->top_max)
                return QZ_LIMIT;
            else {
                ask->rows[scored++] = row_of(take_best(going, left--));
                wanted--;
            }
        }
        if (from == scored) break;
        qz_score(&scoring, ask->rows + from, scored - from, ask->scores + from);
        for (; from < scored; from++) {
            int64_t key = key_of(ordered(ask->scores[from]), (uint32_t)ask->rows[from]);
            if (found < ask->count)
                add_worst(top, found++, key);
            else if (key > top[0])
                replace_worst(top, found, key);
        }
    }
    ask->scored = scored;
    return (int32_t)select_best(top, ask->rows, ask->scores, scored, ask->count);
}
