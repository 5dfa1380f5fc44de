/* Heaps of rows by how good they are. A key is a score above, and below it the row, such that of two keys the greater one
 * is the better row, and of equally good rows the lower one. */
#ifndef QUARTZDB_HEAP_H
#define QUARTZDB_HEAP_H

#include <stdint.h>
#include <string.h>

static inline int64_t key_of(int32_t score, uint32_t row) { return (int64_t)((uint64_t)(uint32_t)score << 32 | (uint32_t)~row); }
static inline uint32_t row_of(int64_t key) { return ~(uint32_t)key; }

/* A float as a whole number of the same order. */
static inline int32_t ordered(float score) {
    int32_t bits;
    memcpy(&bits, &score, sizeof bits);
    return bits ^ (int32_t)((uint32_t)(bits >> 31) & 0x7fffffffu);
}

static inline float unordered(int32_t bits) {
    float score;
    bits ^= (int32_t)((uint32_t)(bits >> 31) & 0x7fffffffu);
    memcpy(&score, &bits, sizeof score);
    return score;
}

/* The best first. */
static inline void add_best(int64_t *heap, uint32_t size, int64_t key) {
    uint32_t at = size;
    while (at) {
        uint32_t parent = (at - 1) >> 1;
        if (heap[parent] >= key) break;
        heap[at] = heap[parent];
        at = parent;
    }
    heap[at] = key;
}

static inline int64_t take_best(int64_t *heap, uint32_t size) {
    int64_t best = heap[0], last = heap[size - 1];
    uint32_t at = 0, left = size - 1;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= left) break;
        if (child + 1 < left && heap[child + 1] > heap[child]) child++;
        if (heap[child] <= last) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return best;
}

/* The worst first. */
static inline void add_worst(int64_t *heap, uint32_t size, int64_t key) {
    uint32_t at = size;
    while (at) {
        uint32_t parent = (at - 1) >> 1;
        if (heap[parent] <= key) break;
        heap[at] = heap[parent];
        at = parent;
    }
    heap[at] = key;
}

static inline void replace_worst(int64_t *heap, uint32_t size, int64_t key) {
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= size) break;
        if (child + 1 < size && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= key) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = key;
}

static inline void take_worst(int64_t *heap, uint32_t size) { replace_worst(heap, size - 1, heap[size - 1]); }

/* A heap with the worst first becomes an array with the best first. */
static inline void sort_best_first(int64_t *heap, uint32_t size) {
    for (; size > 1; size--) {
        int64_t worst = heap[0];
        take_worst(heap, size);
        heap[size - 1] = worst;
    }
}

#endif
