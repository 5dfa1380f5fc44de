/* For 64-bit ARM: NEON, which all of them have, and its products of bytes where the processor has those. */
#if defined(__aarch64__)

#include "arithmetic.h"

#include <arm_neon.h>

/* Clang has the intrinsics wherever a function names the feature; so has GCC. */
#if defined(__clang__)
#define DOTPROD __attribute__((target("dotprod")))
#else
#define DOTPROD __attribute__((target("arch=armv8.2-a+dotprod")))
#endif

static void code_products_neon(const int8_t *query, const uint8_t *rows, size_t stride, size_t width,
                               const uint32_t *which, uint32_t count, int32_t *products) {
    for (uint32_t at = 0; at < count && at < QZ_AHEAD; at++) qz_fetch(rows + stride * which[at], width);
    for (uint32_t at = 0; at < count; at++) {
        if (at + QZ_AHEAD < count) qz_fetch(rows + stride * which[at + QZ_AHEAD], width);
        const int8_t *codes = (const int8_t *)(rows + stride * which[at]);
        int32x4_t sums = vdupq_n_s32(0);
        for (size_t i = 0; i < width; i += 16) {
            int8x16_t asked = vld1q_s8(query + i), code = vld1q_s8(codes + i);
            sums = vpadalq_s16(sums, vmull_s8(vget_low_s8(asked), vget_low_s8(code)));
            sums = vpadalq_s16(sums, vmull_high_s8(asked, code));
        }
        products[at] = vaddvq_s32(sums);
    }
}

DOTPROD static void code_products_dotprod(const int8_t *query, const uint8_t *rows, size_t stride, size_t width,
                                          const uint32_t *which, uint32_t count, int32_t *products) {
    for (uint32_t at = 0; at < count && at < QZ_AHEAD; at++) qz_fetch(rows + stride * which[at], width);
    for (uint32_t at = 0; at < count; at++) {
        if (at + QZ_AHEAD < count) qz_fetch(rows + stride * which[at + QZ_AHEAD], width);
        const int8_t *codes = (const int8_t *)(rows + stride * which[at]);
        int32x4_t sums = vdupq_n_s32(0), others = sums;
        for (size_t i = 0; i < width; i += 32) {
            sums = vdotq_s32(sums, vld1q_s8(query + i), vld1q_s8(codes + i));
            others = vdotq_s32(others, vld1q_s8(query + i + 16), vld1q_s8(codes + i + 16));
        }
        products[at] = vaddvq_s32(vaddq_s32(sums, others));
    }
}

static void products_neon(const float *query, const float *matrix, size_t dimension, const int64_t *rows, size_t count,
                          float *products) {
    for (size_t at = 0; at < count && at < QZ_AHEAD; at++)
        qz_fetch(matrix + dimension * (size_t)rows[at], 4 * dimension);
    for (size_t at = 0; at < count; at++) {
        if (at + QZ_AHEAD < count) qz_fetch(matrix + dimension * (size_t)rows[at + QZ_AHEAD], 4 * dimension);
        const float *row = matrix + dimension * (size_t)rows[at];
        float32x4_t a = vdupq_n_f32(0), b = a, c = a, d = a;
        size_t i = 0;
        for (; i + 16 <= dimension; i += 16) {
            a = vfmaq_f32(a, vld1q_f32(query + i), vld1q_f32(row + i));
            b = vfmaq_f32(b, vld1q_f32(query + i + 4), vld1q_f32(row + i + 4));
            c = vfmaq_f32(c, vld1q_f32(query + i + 8), vld1q_f32(row + i + 8));
            d = vfmaq_f32(d, vld1q_f32(query + i + 12), vld1q_f32(row + i + 12));
        }
        float sum = vaddvq_f32(vaddq_f32(vaddq_f32(a, b), vaddq_f32(c, d)));
        for (; i < dimension; i++) sum += query[i] * row[i];
        products[at] = sum;
    }
}

static inline float32x4_t four(const uint16_t *halves) {
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(halves)));
}

static void half_products_neon(const float *query, const uint16_t *matrix, size_t dimension, const int64_t *rows,
                               size_t count, float *products) {
    for (size_t at = 0; at < count && at < QZ_AHEAD; at++)
        qz_fetch(matrix + dimension * (size_t)rows[at], 2 * dimension);
    for (size_t at = 0; at < count; at++) {
        if (at + QZ_AHEAD < count) qz_fetch(matrix + dimension * (size_t)rows[at + QZ_AHEAD], 2 * dimension);
        const uint16_t *row = matrix + dimension * (size_t)rows[at];
        float32x4_t a = vdupq_n_f32(0), b = a;
        size_t i = 0;
        for (; i + 8 <= dimension; i += 8) {
            a = vfmaq_f32(a, vld1q_f32(query + i), four(row + i));
            b = vfmaq_f32(b, vld1q_f32(query + i + 4), four(row + i + 4));
        }
        float sum = vaddvq_f32(vaddq_f32(a, b));
        for (; i < dimension; i++) sum += query[i] * qz_widened(row[i]);
        products[at] = sum;
    }
}

static void add_scaled_neon(float *sum, const float *row, float factor, size_t size) {
    size_t i = 0;
    for (; i + 4 <= size; i += 4)
        vst1q_f32(sum + i, vaddq_f32(vld1q_f32(sum + i), vmulq_n_f32(vld1q_f32(row + i), factor)));
    for (; i < size; i++) sum[i] += factor * row[i];
}

const struct qz_arithmetic qz_neon = {
    code_products_neon, products_neon, half_products_neon, add_scaled_neon, qz_block_sums_neon};
const struct qz_arithmetic qz_neon_dotprod = {
    code_products_dotprod, products_neon, half_products_neon, add_scaled_neon, qz_block_sums_neon};

#else
typedef int qz_not_arm;
#endif
