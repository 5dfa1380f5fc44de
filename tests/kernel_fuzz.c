/* Searches damaged copies of a graph's file: kernel_fuzz FILE DIMENSION METRIC MUTATIONS SEED
 *
 * Every part of the file lies in memory of its own, of exactly its size, so that a sanitizer sees the first byte that is read
 * beyond it. The header is checked as graph_layout.py does. What is printed: how many copies were refused, searched and
 * found damaged by a search, how many lists or bitmaps of rows had a best one, and for each instruction set a sum over all
 * answers, which must be the same for each of them.
 */
#include "../layers/quartzdb/native/kernel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 128, TOP = 600, QUERIES = 3 };

static uint64_t state;

static uint32_t drawn(uint32_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % below);
}

static uint32_t number_at(const uint8_t *file, size_t at) {
    uint32_t number;
    memcpy(&number, file + at, 4);
    return number;
}

static void *copied(const void *from, size_t bytes) {
    void *part = malloc(bytes ? bytes : 1);
    if (!part) abort();
    memcpy(part, from, bytes);
    return part;
}

/* Bits flipped, numbers replaced, parts swapped; in half of the cases in the header or the upper levels. */
static void damage(uint8_t *file, size_t size, size_t rows_end, uint32_t rows) {
    const uint32_t extremes[] = {0, 1, 2, 0x7fffffff, 0x80000000u, 0xfffffffeu, 0xffffffffu, rows, rows - 1, rows + 1};
    uint32_t changes = 1 + drawn(40);
    while (changes--) {
        size_t from = 0, to = size;
        if (drawn(4) == 0) to = HEADER;
        else if (drawn(2) && rows_end + 4 < size) from = rows_end;
        size_t at = from + drawn((uint32_t)(to - from - 4));
        if (drawn(3) == 0) {
            file[at] ^= (uint8_t)(1 << drawn(8));
        } else {
            at &= ~(size_t)3;
            uint32_t number = drawn(2) ? extremes[drawn(10)] : drawn(2) ? drawn(2 * rows) : drawn(0x7fffffff) * 2u;
            memcpy(file + at, &number, 4);
        }
    }
}

int main(int count, char **given) {
    if (count != 6) return 2;
    FILE *opened = fopen(given[1], "rb");
    if (!opened) return 2;
    const uint32_t dimension = (uint32_t)atoi(given[2]), metric = (uint32_t)atoi(given[3]);
    const long mutations = atol(given[4]);
    const int inner = metric != QZ_EUCLIDEAN;
    static uint8_t sound[1 << 24], file[1 << 24];
    const size_t size = fread(sound, 1, sizeof sound, opened);
    fclose(opened);
    const uint32_t rows = number_at(sound, 16), padded = number_at(sound, 24), stride = number_at(sound, 32);
    const size_t rows_end = HEADER + (size_t)rows * stride;
    /* What lies beside the file, and is sound: full-precision rows, and no turn at all. */
    float *matrix = malloc(4ul * rows * dimension), *norms = malloc(4ul * rows), *center = calloc(dimension, 4);
    float *signs = malloc(4ul * padded), *left = malloc(4), *right = calloc((size_t)padded * padded, 4);
    float *query = malloc(4ul * dimension);
    if (!matrix || !norms || !center || !signs || !left || !right || !query) abort();
    state = 12345;
    for (size_t i = 0; i < (size_t)rows * dimension; i++) matrix[i] = (float)drawn(2001) / 1000 - 1;
    for (uint32_t i = 0; i < rows; i++) norms[i] = 1;
    for (uint32_t i = 0; i < padded; i++) signs[i] = right[(size_t)i * padded + i] = 1;
    left[0] = 1;
    const qz_space space = {center, signs, left, right, 1, 1e3, dimension, padded, 1, padded, (uint32_t)inner};
    const qz_vectors vectors = {matrix, norms, rows, dimension, 0, metric};
    long refused = 0, searched = 0, found_damaged = 0, told = 0;
    uint64_t sums[4] = {0};
    for (long mutation = 0; mutation < mutations; mutation++) {
        memcpy(file, sound, size);
        state = (uint64_t)atol(given[5]) * 1000003 + (uint64_t)mutation;
        drawn(2);
        /* The first as it is. */
        if (mutation) damage(file, size, rows_end, rows);
        /* No build writes a code of -128, and AVX2 has no opposite of it: it ranks such a row as it can. */
        for (uint32_t row = 0; row < rows; row++)
            for (uint32_t i = 0; i < number_at(sound, 28); i++)
                if (file[HEADER + (size_t)row * stride + i] == 0x80) file[HEADER + (size_t)row * stride + i] = 0x81;
        uint32_t upper = number_at(file, 40), upper_size = number_at(file, 44), levels = number_at(file, 52);
        uint32_t entry = number_at(file, 56);
        double step;
        memcpy(&step, file + 64, 8);
        size_t whole = rows_end + 8ul * upper + 4ul * upper_size;
        if (memcmp(file, sound, 40) || number_at(file, 48) != number_at(sound, 48) || number_at(file, 60) ||
            upper > rows || levels > 64 || !upper != !levels || !upper != !upper_size ||
            entry >= (upper ? upper : rows) || !isfinite(step) || step <= 0 || step >= 1e30 || whole != size) {
            refused++;
            continue;
        }
        uint8_t *parts[4] = {
            copied(file + HEADER, rows_end - HEADER), copied(file + rows_end, 4ul * upper),
            copied(file + rows_end + 4ul * upper, 4ul * upper), copied(file + rows_end + 8ul * upper, 4ul * upper_size)};
        const qz_graph graph = {
            parts[0], (uint32_t *)parts[1], (uint32_t *)parts[2], (uint32_t *)parts[3], step, step * drawn(20), 1, rows,
            number_at(file, 28), stride, number_at(file, 36), upper, upper_size, number_at(file, 48), levels, entry,
            (uint32_t)inner};
        uint32_t ef = 10 + drawn(150), depth = 1 + drawn(ef), wanted = drawn(2) ? 10 : 0, filtered = drawn(3) == 0;
        int64_t extra[2] = {drawn(rows), drawn(rows)};
        const uint32_t visits_max = drawn(3) ? 0 : 1 + drawn(rows), going_max = drawn(3) ? rows : 8 + drawn(rows);
        const uint32_t listed_count = drawn(rows);
        int64_t *listed = malloc(8ul * listed_count + 1);
        if (!listed) abort();
        for (uint32_t i = 0; i < listed_count; i++) listed[i] = drawn(rows);
        if (listed_count && drawn(8) == 0) listed[drawn(listed_count)] = drawn(2) ? -1 : (int64_t)rows << drawn(40);
        uint8_t *allowed = malloc((rows + 7) / 8);
        if (!allowed) abort();
        for (uint32_t i = 0; i < (rows + 7) / 8; i++) allowed[i] = (uint8_t)drawn(256);
        const uint64_t before = state;
        int any = 0;
        for (uint32_t level = QZ_PLAIN; level <= QZ_WIDE; level++) {
            const qz_arithmetic *arithmetic = qz_arithmetic_of(level);
            if (!arithmetic) continue;
            state = before;
            qz_scratch scratch = {
                calloc(rows, 2), malloc(8ul * going_max), malloc(8ul * TOP), malloc(8ul * padded), malloc(graph.width),
                going_max, TOP, 65533};
            int64_t *found = malloc(8ul * TOP);
            float *scores = malloc(4ul * TOP);
            for (int asked = 0; asked < QUERIES; asked++) {
                for (uint32_t i = 0; i < dimension; i++) query[i] = (float)drawn(2001) / 1000 - 1;
                qz_ask ask = {.query = query, .allowed = filtered ? allowed : 0, .extra = extra, .rows = found,
                              .scores = scores, .extras = 2, .ef = ef, .depth = depth, .count = wanted,
                              .visits_max = visits_max, .allowed_least = visits_max / 16};
                int32_t result = qz_search(arithmetic, &graph, &space, &vectors, &scratch, &ask);
                any |= result < 0;
                sums[level] = sums[level] * 31 + (uint64_t)(uint32_t)result;
                /* Scores are sums of floats, whose order is the processor's own. */
                for (int32_t at = 0; !wanted && at < result; at++) {
                    if (found[at] < 0 || found[at] >= rows) return 3;
                    if (filtered && !(allowed[found[at] >> 3] >> (found[at] & 7) & 1)) return 4;
                    sums[level] = sums[level] * 31 + (uint64_t)found[at];
                }
                /* Of a list whose rows are there, then of a bitmap or of all: each row once, and none but those. */
                for (int by_list = 0; by_list < 2; by_list++) {
                    ask.count = 1 + drawn(60), ask.extras = by_list ? 0 : 2;
                    ask.listed = by_list ? listed : 0, ask.listed_count = by_list ? listed_count : 0;
                    int32_t best = qz_listed(arithmetic, &graph, &space, &vectors, &scratch, &ask);
                    for (int32_t at = 0; at < best; at++) {
                        if (found[at] < 0 || found[at] >= rows) return 5;
                        if (!by_list && filtered && !(allowed[found[at] >> 3] >> (found[at] & 7) & 1)) return 6;
                        for (int32_t other = 0; other < at; other++)
                            if (found[other] == found[at]) return 7;
                    }
                    told += best > 0;
                }
            }
            free(scratch.seen), free(scratch.going), free(scratch.top), free(scratch.placed), free(scratch.codes);
            free(found), free(scores);
        }
        searched++;
        found_damaged += any;
        free(allowed), free(listed);
        for (int part = 0; part < 4; part++) free(parts[part]);
    }
    printf("{\"refused\": %ld, \"searched\": %ld, \"damaged\": %ld, \"told\": %ld, \"sums\": [", refused, searched,
           found_damaged, told);
    for (uint32_t level = QZ_PLAIN, printed = 0; level <= QZ_WIDE; level++)
        if (qz_arithmetic_of(level)) printf("%s%llu", printed++ ? ", " : "", (unsigned long long)sums[level]);
    printf("]}\n");
    free(matrix), free(norms), free(center), free(signs), free(left), free(right), free(query);
    return 0;
}
