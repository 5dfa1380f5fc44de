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
    /* What a query's tables, of 16 bytes for each part, have for the parts of the rows of a block, added up; and a bit for
     * each row whose sum is at least `least`, the first row's lowest. Two parts are a pair. */
    uint32_t (*block_sums)(const uint8_t *tables, const uint8_t *block, size_t pairs, uint16_t least, uint16_t *sums);
};

/* Rows of a block of product codes. */
#define QZ_BLOCK_ROWS 32

#define QZ_BLOCK_SUMS(name) uint32_t name(const uint8_t *, const uint8_t *, size_t, uint16_t, uint16_t *)
QZ_BLOCK_SUMS(qz_block_sums_plain);

extern const struct qz_arithmetic qz_plain;
#if defined(__x86_64__)
QZ_BLOCK_SUMS(qz_block_sums_avx2);
QZ_BLOCK_SUMS(qz_block_sums_avx512);
extern const struct qz_arithmetic qz_avx2, qz_avxvnni, qz_avx512vnni;
#elif defined(__aarch64__)
QZ_BLOCK_SUMS(qz_block_sums_neon);
extern const struct qz_arithmetic qz_neon, qz_neon_dotprod;
#endif

/* Rows are told to the processor this many before they are read. */
#define QZ_AHEAD 5
#define QZ_LINE 64

static inline void qz_fetch(const void *begin, size_t bytes) {
    for (size_t at = 0; at < bytes; at += QZ_LINE) __builtin_prefetch((const char *)begin + at);
}

float qz_widened(uint16_t half);

#endif
