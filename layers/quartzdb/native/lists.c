/* Searches of inverted lists of product codes: which rows a query's tables estimate best, of the lists nearest to it. */
#include "arithmetic.h"
#include "comparison.h"
#include "heap.h"
#include "kernel.h"
#include "scores.h"
#include "selection.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { BLOCK = QZ_BLOCK_ROWS, VALUES = 16, BINS = 64 };

/* What lies closer together than this is taken for equal: what it is divided by remains a float. */
#define NARROW 1e-30

/* The query's tables in bytes: a sum of bytes stands for least + sum * per_step. */
typedef struct {
    double least, per_step;
} tables_scale;

/* Rows that may be among the best, each as its sum above and its number below, in the order in which they came. */
typedef struct {
    int64_t *keys;
    uint32_t size, depth, room;
    uint32_t bar; /* a row must have this sum to be taken */
} best_sums;

/* To each value of each part, a product or a negated squared distance: the greater the nearer. Summed one coordinate after
 * the other, so that they are the same everywhere. False where they are beyond float. */
static int fill_tables(const qz_lists *lists, const float *turned, qz_list_scratch *scratch, tables_scale *scale) {
    const uint32_t coordinates = lists->width / lists->parts;
    const float *values = lists->values;
    float widest = 0;
    double spans = 0;
    scale->least = 0;
    for (uint32_t part = 0; part < lists->parts; part++) {
        float *table = scratch->sums + (size_t)VALUES * part;
        memset(table, 0, sizeof(float) * VALUES);
        for (uint32_t at = 0; at < coordinates; at++, values += VALUES) {
            const float asked = *turned++;
            if (lists->inner)
                for (int value = 0; value < VALUES; value++) table[value] += asked * values[value];
            else
                for (int value = 0; value < VALUES; value++) {
                    float apart = asked - values[value];
                    table[value] -= apart * apart;
                }
        }
        float least = table[0], most = table[0];
        for (int value = 1; value < VALUES; value++) {
            least = table[value] < least ? table[value] : least;
            most = table[value] > most ? table[value] : most;
        }
        for (int value = 0; value < VALUES; value++) table[value] -= least;
        scale->least += least;
        spans += (double)most - least;
        if (most - least > widest) widest = most - least;
    }
    if (!(spans <= FLT_MAX && fabs(scale->least) <= FLT_MAX)) return 0;
    /* Each byte may be rounded up, and no sum may reach beyond 65535. */
    const double of_sums = (65535.0 - lists->parts) / (spans > NARROW ? spans : 1);
    const double of_bytes = 255.0 / (widest > NARROW ? widest : 1);
    const float steps = (float)(of_sums < of_bytes ? of_sums : of_bytes);
    const size_t size = (size_t)VALUES * lists->parts;
    for (size_t at = 0; at < size; at++) {
        float step = scratch->sums[at] * steps + 0.5f;
        /* What is no number in a table is no byte either. */
        scratch->tables[at] = step < 256.0f ? (uint8_t)step : 255;
    }
    scale->per_step = 1.0 / steps;
    return 1;
}

/* Keep the `depth` best; of equal sums those that came first. Nothing that is only as good gets in afterwards. */
static void cut_down(best_sums *best) {
    if (best->size <= best->depth) return;
    uint32_t high[256] = {0}, low[256] = {0};
    for (uint32_t at = 0; at < best->size; at++) high[best->keys[at] >> 40]++;
    uint32_t above = 0, top = 255, bottom = 255;
    while (above + high[top] < best->depth) above += high[top--];
    for (uint32_t at = 0; at < best->size; at++)
        if (best->keys[at] >> 40 == top) low[best->keys[at] >> 32 & 255]++;
    while (above + low[bottom] < best->depth) above += low[bottom--];
    const int64_t last = (int64_t)(top << 8 | bottom);
    uint32_t equal = best->depth - above, kept = 0;
    for (uint32_t at = 0; at < best->size; at++) {
        const int64_t key = best->keys[at], sum = key >> 32;
        if (sum > last || (sum == last && equal && equal--)) best->keys[kept++] = key;
    }
    best->size = kept;
    best->bar = (uint32_t)last + 1;
}

/* Pass over a list. False where it names a row that is not there. */
static int scan_list(const qz_arithmetic *arithmetic, const qz_lists *lists, uint32_t number, const uint8_t *tables,
                     const uint8_t *allowed, best_sums *best) {
    const int64_t begin = lists->starts[number], size = lists->starts[number + 1] - begin;
    const size_t pairs = lists->parts / 2, blocks = (size_t)(size + BLOCK - 1) / BLOCK;
    const uint8_t *block = lists->file + lists->offsets[number];
    const uint8_t *numbers = block + blocks * pairs * BLOCK;
    uint16_t sums[BLOCK];
    for (int64_t first = 0; first < size; first += BLOCK, block += pairs * BLOCK) {
        if (best->bar > UINT16_MAX) return 1;
        uint32_t good = arithmetic->block_sums(tables, block, pairs, (uint16_t)best->bar, sums);
        if (size - first < BLOCK) good &= (1u << (size - first)) - 1;
        for (; good; good &= good - 1) {
            const int at = __builtin_ctz(good);
            if (sums[at] < best->bar) continue;
            int64_t row = begin + first + at;
            if (!lists->arranged) {
                memcpy(&row, numbers + sizeof row * (size_t)(first + at), sizeof row);
                if (row < 0 || row >= lists->rows) return 0;
            }
            if (!is_allowed(allowed, (uint32_t)row)) continue;
            best->keys[best->size++] = (int64_t)sums[at] << 32 | row;
            if (best->size == best->room) cut_down(best);
        }
    }
    return 1;
}

/* The best rows of some lists, into scratch->kept, in the order in which they were met. */
static int32_t scan(const qz_arithmetic *arithmetic, const qz_lists *lists, const float *turned, const int64_t *which,
                    qz_list_scratch *scratch, const qz_list_ask *ask, tables_scale *scale) {
    if (!ask->depth) return 0;
    if (!fill_tables(lists, turned, scratch, scale)) return QZ_FAR;
    best_sums best = {scratch->kept, 0, ask->depth, scratch->kept_max, 0};
    for (uint32_t at = 0; at < ask->visit; at++) {
        if (at + 1 < ask->visit) qz_fetch(lists->file + lists->offsets[which[at + 1]], 4 * QZ_LINE);
        if (!scan_list(arithmetic, lists, (uint32_t)which[at], scratch->tables, ask->allowed, &best)) return QZ_DAMAGED;
    }
    cut_down(&best);
    return (int32_t)best.size;
}

/* How near each list is to a query: the product, or the distance negated. As Centroids.nearness has it. */
static void measure(const qz_arithmetic *arithmetic, const qz_lists *lists, const float *turned, qz_list_scratch *scratch) {
    arithmetic->products(turned, lists->centroids, lists->width, scratch->every, lists->lists, scratch->nearness);
    if (lists->inner) return;
    float squared = 0;
    for (uint32_t at = 0; at < lists->width; at++) squared += turned[at] * turned[at];
    for (uint32_t at = 0; at < lists->lists; at++) {
        float apart = lists->squares[at] - 2.0f * scratch->nearness[at] + squared;
        scratch->nearness[at] = -sqrtf(apart > 0 ? apart : 0);
    }
}

/* The lists whose relative nearness is at least `cut` into scratch->near, and how many those are: never none. The nearest
 * come first, as far as BINS of them tell apart. As near_lists has it. */
static uint32_t choose(const qz_lists *lists, double cut, qz_list_scratch *scratch) {
    const float *nearness = scratch->nearness;
    float most = nearness[0], furthest = most;
    double sum = 0;
    for (uint32_t at = 0; at < lists->lists; at++) {
        sum += nearness[at];
        if (nearness[at] > most) most = nearness[at];
        if (nearness[at] < furthest) furthest = nearness[at];
    }
    const double average = sum / lists->lists, least = average + cut * (most - average);
    const int every = !(most > average);
    const double bar = least < most ? least : most;
    const double range = most - (!every && bar > furthest ? bar : furthest);
    const float bins = range > NARROW && range <= FLT_MAX ? (float)((BINS - 1) / range) : 0;
    uint32_t places[BINS + 1] = {0};
    for (uint32_t at = 0; at < lists->lists; at++) {
        const float behind = (most - nearness[at]) * bins;
        const int taken = every || nearness[at] >= bar;
        const uint8_t bin = behind >= 0 && behind < BINS - 1 ? (uint8_t)behind : BINS - 1;
        scratch->bins[at] = taken ? bin : BINS;
        if (taken) places[bin + 1]++;
    }
    for (int bin = 0; bin < BINS; bin++) places[bin + 1] += places[bin];
    const uint32_t taken = places[BINS];
    for (uint32_t at = 0; at < lists->lists; at++)
        if (scratch->bins[at] < BINS) scratch->near[places[scratch->bins[at]]++] = at;
    return taken;
}

int32_t qz_lists_search(const qz_arithmetic *arithmetic, const qz_lists *lists, qz_list_scratch *scratch,
                        qz_list_ask *ask) {
    tables_scale scale;
    const int32_t found = scan(arithmetic, lists, ask->query, ask->which, scratch, ask, &scale);
    for (int32_t at = 0; at < found; at++) {
        /* Of equal ones the lower row first. */
        const int64_t key = scratch->kept[at];
        add_worst(scratch->kept, (uint32_t)at, key_of((int32_t)(key >> 32), (uint32_t)key));
    }
    if (found > 0) sort_best_first(scratch->kept, (uint32_t)found);
    for (int32_t at = 0; at < found; at++) {
        const double estimate = scale.least + (double)(scratch->kept[at] >> 32) * scale.per_step;
        ask->rows[at] = row_of(scratch->kept[at]);
        ask->scores[at] = (float)(lists->inner ? estimate : -sqrt(estimate < 0 ? -estimate : 0));
    }
    return found;
}

int32_t qz_lists_best(const qz_arithmetic *arithmetic, const qz_lists *lists, const qz_space *space,
                      const qz_vectors *vectors, qz_list_scratch *scratch, qz_list_ask *ask) {
    qz_scratch placing = {.placed = scratch->placed};
    if (qz_place(arithmetic, space, ask->query, &placing, 0) < 0) return QZ_FAR;
    measure(arithmetic, lists, scratch->placed, scratch);
    ask->visit = choose(lists, ask->cut, scratch);
    tables_scale scale;
    int32_t found = scan(arithmetic, lists, scratch->placed, scratch->near, scratch, ask, &scale);
    if (found < 0) return found;
    uint32_t scored = (uint32_t)found;
    for (uint32_t at = 0; at < scored; at++) ask->rows[at] = scratch->kept[at] & UINT32_MAX;
    for (uint32_t at = 0; at < ask->extras; at++) ask->rows[scored++] = ask->extra[at];
    qz_scoring scoring = qz_scoring_of(arithmetic, vectors, ask->query);
    qz_score(&scoring, ask->rows, scored, ask->scores);
    ask->found = (uint32_t)found;
    ask->scored = scored;
    return (int32_t)select_best(scratch->kept, ask->rows, ask->scores, scored, ask->count);
}
