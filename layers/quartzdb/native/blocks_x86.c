/* For x86-64: a table of 16 bytes is looked up in by one instruction for 16 rows, twice or four times at once. */
#if defined(__x86_64__)

#include "arithmetic.h"

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx2,avx512f,avx512bw,avx512vl")))

/* Sums of bytes that lie two and two. What is in the lower byte of each pair is added up together with 256 times what is in
 * the upper one, and the upper ones apart. */
typedef struct {
    __m256i both, upper;
} byte_sums;

/* 16 sums, of the lower bytes and then of the upper ones; each half of the register is one of the two parts. */
AVX2 static inline __m256i rows_of(byte_sums sums) {
    __m256i lower = _mm256_sub_epi16(sums.both, _mm256_slli_epi16(sums.upper, 8));
    return _mm256_add_epi16(
        _mm256_permute2x128_si256(lower, sums.upper, 0x20), _mm256_permute2x128_si256(lower, sums.upper, 0x31));
}

AVX2 static inline void add_bytes(byte_sums *sums, __m256i bytes) {
    sums->both = _mm256_add_epi16(sums->both, bytes);
    sums->upper = _mm256_add_epi16(sums->upper, _mm256_srli_epi16(bytes, 8));
}

AVX2 static inline void add_pair(byte_sums *first, byte_sums *second, const uint8_t *tables, const uint8_t *block) {
    const __m256i low = _mm256_set1_epi8(15);
    __m256i table = _mm256_loadu_si256((const __m256i *)tables);
    __m256i codes = _mm256_loadu_si256((const __m256i *)block);
    add_bytes(first, _mm256_shuffle_epi8(table, _mm256_and_si256(codes, low)));
    add_bytes(second, _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(codes, 4), low)));
}

AVX2 static inline uint32_t compared(byte_sums first, byte_sums second, uint16_t least, uint16_t *sums) {
    const __m256i bar = _mm256_set1_epi16((short)least);
    __m256i front = rows_of(first), back = rows_of(second);
    _mm256_storeu_si256((__m256i *)sums, front);
    _mm256_storeu_si256((__m256i *)(sums + 16), back);
    front = _mm256_cmpeq_epi16(_mm256_max_epu16(front, bar), front);
    back = _mm256_cmpeq_epi16(_mm256_max_epu16(back, bar), back);
    __m256i good = _mm256_permute4x64_epi64(_mm256_packs_epi16(front, back), 0xd8);
    return (uint32_t)_mm256_movemask_epi8(good);
}

AVX2 uint32_t qz_block_sums_avx2(const uint8_t *tables, const uint8_t *block, size_t pairs, uint16_t least,
                                 uint16_t *sums) {
    const __m256i zero = _mm256_setzero_si256();
    byte_sums first = {zero, zero}, second = first;
    for (size_t pair = 0; pair < pairs; pair++) add_pair(&first, &second, tables + 32 * pair, block + 32 * pair);
    return compared(first, second, least, sums);
}

AVX512 static inline __m256i folded_avx512(__m512i sums) {
    return _mm256_add_epi16(_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64(sums, 1));
}

AVX512 uint32_t qz_block_sums_avx512(const uint8_t *tables, const uint8_t *block, size_t pairs, uint16_t least,
                                     uint16_t *sums) {
    const __m512i low = _mm512_set1_epi8(15);
    __m512i both = _mm512_setzero_si512(), upper = both, both_behind = both, upper_behind = both;
    size_t pair = 0;
    for (; pair + 2 <= pairs; pair += 2) {
        __m512i table = _mm512_loadu_si512(tables + 32 * pair), codes = _mm512_loadu_si512(block + 32 * pair);
        __m512i front = _mm512_shuffle_epi8(table, _mm512_and_si512(codes, low));
        __m512i back = _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(codes, 4), low));
        both = _mm512_add_epi16(both, front);
        upper = _mm512_add_epi16(upper, _mm512_srli_epi16(front, 8));
        both_behind = _mm512_add_epi16(both_behind, back);
        upper_behind = _mm512_add_epi16(upper_behind, _mm512_srli_epi16(back, 8));
    }
    byte_sums first = {folded_avx512(both), folded_avx512(upper)};
    byte_sums second = {folded_avx512(both_behind), folded_avx512(upper_behind)};
    if (pair < pairs) add_pair(&first, &second, tables + 32 * pair, block + 32 * pair);
    return compared(first, second, least, sums);
}

#else
typedef int qz_no_blocks_x86;
#endif
