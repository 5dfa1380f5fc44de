/* In plain C, for every processor. */
#include "arithmetic.h"

#include <string.h>

/* float16 as float32, exactly; finite numbers only. As half.py does it. */
float qz_widened(uint16_t half) {
    uint32_t bits = (uint32_t)(half & 0x8000u) << 16 | (uint32_t)(half & 0x7fffu) << 13;
    float number;
    memcpy(&number, &bits, sizeof number);
    return number * 0x1p112f;
}

static void code_products(const int8_t *query, const uint8_t *rows, size_t stride, size_t width, const uint32_t *which,
                          uint32_t count, int32_t *products) {
    for (uint32_t at = 0; at < count; at++) {
        const int8_t *codes = (const int8_t *)(rows + stride * which[at]);
        int32_t sum = 0;
        for (size_t i = 0; i < width; i++) sum += (int32_t)query[i] * codes[i];
        products[at] = sum;
    }
}

static void plain_products(const float *query, const float *matrix, size_t dimension, const int64_t *rows, size_t count,
                           float *products) {
    for (size_t at = 0; at < count; at++) {
        const float *row = matrix + dimension * (size_t)rows[at];
        float sums[8] = {0};
        size_t i = 0;
        for (; i + 8 <= dimension; i += 8)
            for (int lane = 0; lane < 8; lane++) sums[lane] += query[i + lane] * row[i + lane];
        for (; i < dimension; i++) sums[0] += query[i] * row[i];
        products[at] = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
    }
}

static void half_products(const float *query, const uint16_t *matrix, size_t dimension, const int64_t *rows,
                          size_t count, float *products) {
    for (size_t at = 0; at < count; at++) {
        const uint16_t *row = matrix + dimension * (size_t)rows[at];
        float sums[4] = {0};
        size_t i = 0;
        for (; i + 4 <= dimension; i += 4)
            for (int lane = 0; lane < 4; lane++) sums[lane] += query[i + lane] * qz_widened(row[i + lane]);
        for (; i < dimension; i++) sums[0] += query[i] * qz_widened(row[i]);
        products[at] = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }
}

static void add_scaled(float *sum, const float *row, float factor, size_t size) {
    for (size_t i = 0; i < size; i++) sum[i] += factor * row[i];
}

const struct qz_arithmetic qz_plain = {
    code_products, plain_products, half_products, add_scaled, qz_block_sums_plain};
