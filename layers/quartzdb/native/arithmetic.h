/* What differs from one instruction set to another: products. Everything else is the same code everywhere. */
#ifndef QUARTZDB_ARITHMETIC_H
#define QUARTZDB_ARITHMETIC_H

#include <stddef.h>
#include <stdint.h>

/* The widths of codes are multiples of this, so that no product has a remainder. */
#define QZ_WIDTH_UNIT 32

struct qz_arithmetic {
    /* Products of a query's codes with those of some rows. Whole numbers: the same everywhere. */
    void (*code_products)(const int8_t *query, const uint8_t *rows, size_t stride, size_t width, const uint32_t *which,
                          uint32_t count, int32_t *products);
    /* Products of a query with some rows, summed in whatever order is fastest. */
    void (*products)(const float *query, const float *matrix, size_t dimension, const int64_t *rows, size_t count,
                     float *products);
    /* The same for rows of float16. */
    void (*half_products)(const float *query, const uint16_t *matrix, size_t dimension, const int64_t *rows,
                          size_t count, float *products);
    /* sum[i] += factor * row[i], rounded after each step, so that it is the same everywhere. */
    void (*add_scaled)(float *sum, const float *row, float factor, size_t size);
};

extern const struct qz_arithmetic qz_plain;
#if defined(__x86_64__)
extern const struct qz_arithmetic qz_avx2, qz_avxvnni, qz_avx512vnni;
#elif defined(__aarch64__)
extern const struct qz_arithmetic qz_neon, qz_neon_dotprod;
#endif

/* Rows are told to the processor this many before they are read. */
#define QZ_AHEAD 5

static inline void qz_fetch(const void *begin, size_t bytes) {
    for (size_t at = 0; at < bytes; at += 64) __builtin_prefetch((const char *)begin + at);
}

float qz_widened(uint16_t half);

#endif
