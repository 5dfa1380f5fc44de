/* Searches lists of any contents: kernel_lists_fuzz CASES SEED
 *
 * Codes, row numbers, values and centroids are whatever bytes come, among them no numbers and row numbers that are not
 * there; where lists begin and how long they are is sound, since product_file.py checks that. Every array lies in memory of
 * its own, of exactly its size, so that a sanitizer sees the first byte that is read beyond it. What is printed: how many
 * searches answered, were too far out and found a damaged list, and for each instruction set a sum over all answers by codes,
 * which must be the same for each of them.
 */
#include "../layers/quartzdb/native/kernel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 32, VALUES = 16, EXTRAS = 2 };

static uint64_t state;

static uint32_t drawn(uint32_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % below);
}

static void *room(size_t bytes) {
    void *part = malloc(bytes ? bytes : 1);
    if (!part) abort();
    return part;
}

/* Numbers of a usual size; where `wild`, some that are huge, tiny, endless or none. */
static float *floats(size_t count, int wild) {
    const float extremes[] = {INFINITY, -INFINITY, NAN, 3e38f, -3e38f, 1e-42f, 0, 1e20f};
    float *numbers = room(4 * count);
    for (size_t at = 0; at < count; at++)
        numbers[at] = wild && drawn(200) == 0 ? extremes[drawn(8)] : (float)drawn(2001) / 1000 - 1;
    return numbers;
}

int main(int given, char **arguments) {
    if (given != 3) return 2;
    long answered = 0, far = 0, damaged = 0;
    uint64_t sums[4] = {0};
    for (long number = 0; number < atol(arguments[1]); number++) {
        state = (uint64_t)atol(arguments[2]) * 1000003 + (uint64_t)number;
        drawn(2);
        const uint32_t parts = 2 * (1 + drawn(60)), coordinates = 1 + drawn(4), width = parts * coordinates;
        const uint32_t count = 1 + drawn(12), inner = drawn(2), arranged = drawn(2);
        const int wild = drawn(3) == 0, broken = drawn(4) == 0, filtered = drawn(2), equal = drawn(3) == 0;
        int64_t *offsets = room(8ul * count), *starts = room(8ul * (count + 1));
        size_t bytes = 0;
        starts[0] = 0;
        for (uint32_t list = 0; list < count; list++) {
            const uint32_t size = drawn(4) ? drawn(90) : 0;
            offsets[list] = (int64_t)bytes;
            starts[list + 1] = starts[list] + size;
            bytes += (size_t)(size + BLOCK - 1) / BLOCK * BLOCK * (parts / 2) + 8ul * size;
        }
        const int64_t rows = starts[count] + 1;
        uint8_t *file = room(bytes), *allowed = room((size_t)(rows + 7) / 8);
        for (size_t at = 0; at < bytes; at++) file[at] = (uint8_t)(equal ? 0x11 * drawn(2) : drawn(256));
        for (int64_t at = 0; at < (rows + 7) / 8; at++) allowed[at] = (uint8_t)drawn(256);
        for (uint32_t list = 0; list < count; list++) {
            const int64_t size = starts[list + 1] - starts[list];
            uint8_t *numbers = file + offsets[list] + (size + BLOCK - 1) / BLOCK * BLOCK * (parts / 2);
            for (int64_t at = 0; at < size; at++) {
                int64_t row = starts[list] + at;
                if (broken && drawn(100) == 0) row = drawn(2) ? rows + drawn(9) : -(int64_t)drawn(9);
                memcpy(numbers + 8 * at, &row, 8);
            }
        }
        float *centroids = floats((size_t)count * width, wild), *squares = floats(count, wild);
        float *values = floats((size_t)VALUES * width, wild), *query = floats(width, wild && drawn(2));
        float *matrix = floats((size_t)rows * width, 0), *norms = floats((size_t)rows, 0);
        float *center = calloc(width, 4), *signs = room(4ul * width), *left = room(4), *right = calloc((size_t)width * width, 4);
        int64_t *every = room(8ul * count), *which = room(8ul * count);
        if (!center || !right) abort();
        left[0] = 1;
        for (uint32_t at = 0; at < width; at++) signs[at] = right[(size_t)at * width + at] = 1;
        for (uint32_t at = 0; at < count; at++) every[at] = at, which[at] = drawn(count);
        const qz_space space = {center, signs, left, right, 1, 1e3, width, width, 1, width, inner};
        const qz_vectors vectors = {matrix, norms, (uint64_t)rows, width, 0, inner ? QZ_DOT : QZ_EUCLIDEAN};
        const qz_lists lists = {
            file, offsets, starts, centroids, squares, values, rows, count, width, parts, arranged, inner};
        const uint32_t depth = 1 + drawn(drawn(2) ? 20 : 500), spare = 1 + drawn(100);
        const double cut = drawn(8) ? (double)drawn(1400) / 1000 - 0.3 : -1e9;
        const int64_t extra[EXTRAS] = {drawn((uint32_t)rows), drawn((uint32_t)rows)};
        for (uint32_t level = QZ_PLAIN; level <= QZ_WIDE; level++) {
            const qz_arithmetic *arithmetic = qz_arithmetic_of(level);
            if (!arithmetic) continue;
            const uint32_t kept_max = depth + spare + EXTRAS;
            qz_list_scratch scratch = {
                room(8ul * width), room(4ul * count), every, room(8ul * count), room(count), room(4ul * VALUES * parts),
                room((size_t)VALUES * parts), room(8ul * kept_max), kept_max};
            int64_t *found = room(8ul * (depth + EXTRAS));
            float *scores = room(4ul * (depth + EXTRAS));
            qz_list_ask ask = {query, filtered ? allowed : 0, which, extra, found, scores, cut, EXTRAS, count, depth, 5, 0, 0};
            int32_t result = qz_lists_search(arithmetic, &lists, &scratch, &ask);
            sums[level] = sums[level] * 31 + (uint64_t)(uint32_t)result;
            for (int32_t at = 0; at < result; at++) {
                if (found[at] < 0 || found[at] >= rows) return 3;
                if (filtered && !(allowed[found[at] >> 3] >> (found[at] & 7) & 1)) return 4;
                if (at && scores[at] > scores[at - 1]) return 5;
                sums[level] = sums[level] * 31 + (uint64_t)found[at];
            }
            answered += result >= 0, far += result == QZ_FAR, damaged += result == QZ_DAMAGED;
            /* Which lists are near, and which rows score best, are sums of floats, whose order is the processor's own. */
            result = qz_lists_best(arithmetic, &lists, &space, &vectors, &scratch, &ask);
            for (int32_t at = 0; at < result; at++)
                if (found[at] < 0 || found[at] >= rows) return 6;
            if (result >= 0 && (ask.found > depth || ask.scored != ask.found + EXTRAS || ask.visit < 1)) return 7;
            free(scratch.placed), free(scratch.nearness), free(scratch.near), free(scratch.bins), free(scratch.sums);
            free(scratch.tables), free(scratch.kept), free(found), free(scores);
        }
        free(offsets), free(starts), free(file), free(allowed), free(centroids), free(squares), free(values), free(query);
        free(matrix), free(norms), free(center), free(signs), free(left), free(right), free(every), free(which);
    }
    printf("{\"answered\": %ld, \"far\": %ld, \"damaged\": %ld, \"sums\": [", answered, far, damaged);
    for (uint32_t level = QZ_PLAIN, printed = 0; level <= QZ_WIDE; level++)
        if (qz_arithmetic_of(level)) printf("%s%llu", printed++ ? ", " : "", (unsigned long long)sums[level]);
    printf("]}\n");
    return 0;
}
