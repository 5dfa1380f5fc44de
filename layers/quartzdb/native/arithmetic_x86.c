/* For x86-64. Each function names the instructions that it may use, so the file is compiled for any processor, and only
 * dispatch.c, which asks the one it runs on, leads here. Those with AVX-512 have names that end in _avx512, which is how
 * layers/build tells them from the rest. */
#if defined(__x86_64__)

#include "arithmetic.h"

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,fma,f16c")))
#define AVXVNNI __attribute__((target("avx2,fma,f16c,avxvnni")))
#define AVX512 __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni")))

AVX2 static inline int32_t total(__m256i sums) {
    __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1)));
}

/* The instruction multiplies unsigned by signed bytes: signs of the query go over to the codes. 127 x 127 x 2 fits. */
AVX2 static void code_products_avx2(const int8_t *query, const uint8_t *rows, size_t stride, size_t width,
                                    const uint32_t *which, uint32_t count, int32_t *products) {
    const __m256i one = _mm256_set1_epi16(1);
    for (uint32_t at = 0; at < count && at < QZ_AHEAD; at++) qz_fetch(rows + stride * which[at], width);
    for (uint32_t at = 0; at < count; at++) {
        if (at + QZ_AHEAD < count) qz_fetch(rows + stride * which[at + QZ_AHEAD], width);
        const uint8_t *codes = rows + stride * which[at];
        __m256i sums = _mm256_setzero_si256();
        for (size_t i = 0; i < width; i += 32) {
            __m256i asked = _mm256_loadu_si256((const __m256i *)(query + i));
            __m256i code = _mm256_loadu_si256((const __m256i *)(codes + i));
            __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(asked), _mm256_sign_epi8(code, asked));
            sums = _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, one));
        }
        products[at] = total(sums);
    }
}

/* Codes + 128 are unsigned; what that adds is 128 times the sum of the query's. */
AVX2 static inline int32_t excess(const int8_t *query, size_t width) {
    int32_t sum = 0;
    for (size_t i = 0; i < width; i++) sum += query[i];
    return 128 * sum;
}

AVXVNNI static void code_products_avxvnni(const int8_t *query, const uint8_t *rows, size_t stride, size_t width,
                                          const uint32_t *which, uint32_t count, int32_t *products) {
    const __m256i flip = _mm256_set1_epi8((char)0x80);
    const int32_t over = excess(query, width);
    for (uint32_t at = 0; at < count && at < QZ_AHEAD; at++) qz_fetch(rows + stride * which[at], width);
    for (uint32_t at = 0; at < count; at++) {
        if (at + QZ_AHEAD < count) qz_fetch(rows + stride * which[at + QZ_AHEAD], width);
        const uint8_t *codes = rows + stride * which[at];
        __m256i sums = _mm256_setzero_si256();
        for (size_t i = 0; i < width; i += 32) {
            __m256i code = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(codes + i)), flip);
            sums = _mm256_dpbusd_avx_epi32(sums, code, _mm256_loadu_si256((const __m256i *)(query + i)));
        }
        products[at] = total(sums) - over;
    }
}

AVX512 static void code_products_avx512(const int8_t *query, const uint8_t *rows, size_t stride, size_t width,
                                        const uint32_t *which, uint32_t count, int32_t *products) {
    const __m512i flip = _mm512_set1_epi8((char)0x80);
    int32_t over = 0;
    for (size_t i = 0; i < width; i++) over += 128 * query[i];
    for (uint32_t at = 0; at < count && at < QZ_AHEAD; at++) qz_fetch(rows + stride * which[at], width);
    for (uint32_t at = 0; at < count; at++) {
        if (at + QZ_AHEAD < count) qz_fetch(rows + stride * which[at + QZ_AHEAD], width);
        const uint8_t *codes = rows + stride * which[at];
        __m512i sums = _mm512_setzero_si512(), others = sums;
        size_t i = 0;
        for (; i + 128 <= width; i += 128) {
            __m512i code = _mm512_xor_si512(_mm512_loadu_si512(codes + i), flip);
            __m512i next = _mm512_xor_si512(_mm512_loadu_si512(codes + i + 64), flip);
            sums = _mm512_dpbusd_epi32(sums, code, _mm512_loadu_si512(query + i));
            others = _mm512_dpbusd_epi32(others, next, _mm512_loadu_si512(query + i + 64));
        }
        for (; i < width; i += 32) {
            __m256i code = _mm256_loadu_si256((const __m256i *)(codes + i));
            code = _mm256_xor_si256(code, _mm512_castsi512_si256(flip));
            __m256i asked = _mm256_loadu_si256((const __m256i *)(query + i));
            sums = _mm512_dpbusd_epi32(sums, _mm512_zextsi256_si512(code), _mm512_zextsi256_si512(asked));
        }
        products[at] = _mm512_reduce_add_epi32(_mm512_add_epi32(sums, others)) - over;
    }
}

AVX2 static inline float sum_of(__m256 sums) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}

AVX2 static void products_avx2(const float *query, const float *matrix, size_t dimension, const int64_t *rows,
                               size_t count, float *products) {
    for (size_t at = 0; at < count && at < QZ_AHEAD; at++)
        qz_fetch(matrix + dimension * (size_t)rows[at], 4 * dimension);
    for (size_t at = 0; at < count; at++) {
        if (at + QZ_AHEAD < count) qz_fetch(matrix + dimension * (size_t)rows[at + QZ_AHEAD], 4 * dimension);
        const float *row = matrix + dimension * (size_t)rows[at];
        __m256 a = _mm256_setzero_ps(), b = a, c = a, d = a;
        size_t i = 0;
        for (; i + 32 <= dimension; i += 32) {
            a = _mm256_fmadd_ps(_mm256_loadu_ps(query + i), _mm256_loadu_ps(row + i), a);
            b = _mm256_fmadd_ps(_mm256_loadu_ps(query + i + 8), _mm256_loadu_ps(row + i + 8), b);
            c = _mm256_fmadd_ps(_mm256_loadu_ps(query + i + 16), _mm256_loadu_ps(row + i + 16), c);
            d = _mm256_fmadd_ps(_mm256_loadu_ps(query + i + 24), _mm256_loadu_ps(row + i + 24), d);
        }
        for (; i + 8 <= dimension; i += 8)
            a = _mm256_fmadd_ps(_mm256_loadu_ps(query + i), _mm256_loadu_ps(row + i), a);
        float sum = sum_of(_mm256_add_ps(_mm256_add_ps(a, b), _mm256_add_ps(c, d)));
        for (; i < dimension; i++) sum += query[i] * row[i];
        products[at] = sum;
    }
}

AVX2 static inline __m256 eight(const uint16_t *halves) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)halves));
}

AVX2 static void half_products_avx2(const float *query, const uint16_t *matrix, size_t dimension, const int64_t *rows,
                                    size_t count, float *products) {
    for (size_t at = 0; at < count && at < QZ_AHEAD; at++)
        qz_fetch(matrix + dimension * (size_t)rows[at], 2 * dimension);
    for (size_t at = 0; at < count; at++) {
        if (at + QZ_AHEAD < count) qz_fetch(matrix + dimension * (size_t)rows[at + QZ_AHEAD], 2 * dimension);
        const uint16_t *row = matrix + dimension * (size_t)rows[at];
        __m256 a = _mm256_setzero_ps(), b = a;
        size_t i = 0;
        for (; i + 16 <= dimension; i += 16) {
            a = _mm256_fmadd_ps(_mm256_loadu_ps(query + i), eight(row + i), a);
            b = _mm256_fmadd_ps(_mm256_loadu_ps(query + i + 8), eight(row + i + 8), b);
        }
        for (; i + 8 <= dimension; i += 8) a = _mm256_fmadd_ps(_mm256_loadu_ps(query + i), eight(row + i), a);
        float sum = sum_of(_mm256_add_ps(a, b));
        for (; i < dimension; i++) sum += query[i] * qz_widened(row[i]);
        products[at] = sum;
    }
}

AVX2 static void add_scaled_avx2(float *sum, const float *row, float factor, size_t size) {
    const __m256 factors = _mm256_set1_ps(factor);
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        __m256 scaled = _mm256_mul_ps(factors, _mm256_loadu_ps(row + i));
        _mm256_storeu_ps(sum + i, _mm256_add_ps(_mm256_loadu_ps(sum + i), scaled));
    }
    for (; i < size; i++) sum[i] += factor * row[i];
}

const struct qz_arithmetic qz_avx2 = {
    code_products_avx2, products_avx2, half_products_avx2, add_scaled_avx2, qz_block_sums_avx2};
const struct qz_arithmetic qz_avxvnni = {
    code_products_avxvnni, products_avx2, half_products_avx2, add_scaled_avx2, qz_block_sums_avx2};
const struct qz_arithmetic qz_avx512vnni = {
    code_products_avx512, products_avx2, half_products_avx2, add_scaled_avx2, qz_block_sums_avx512};

#else
typedef int qz_not_x86;
#endif
