/* For 64-bit ARM: a table of 16 bytes is looked up in by one instruction for 16 rows. */
#if defined(__aarch64__)

#include "arithmetic.h"

#include <arm_neon.h>

uint32_t qz_block_sums_neon(const uint8_t *tables, const uint8_t *block, size_t pairs, uint16_t least, uint16_t *sums) {
    const uint8x16_t low = vdupq_n_u8(15);
    const uint16x8_t zero = vdupq_n_u16(0);
    uint16x8_t both = zero, upper = zero, both_behind = zero, upper_behind = zero;
    for (size_t half = 0; half < 2 * pairs; half++) {
        uint8x16_t table = vld1q_u8(tables + 16 * half), codes = vld1q_u8(block + 16 * half);
        uint16x8_t front = vreinterpretq_u16_u8(vqtbl1q_u8(table, vandq_u8(codes, low)));
        uint16x8_t back = vreinterpretq_u16_u8(vqtbl1q_u8(table, vshrq_n_u8(codes, 4)));
        both = vaddq_u16(both, front);
        upper = vsraq_n_u16(upper, front, 8);
        both_behind = vaddq_u16(both_behind, back);
        upper_behind = vsraq_n_u16(upper_behind, back, 8);
    }
    uint16x8_t lower = vsubq_u16(both, vshlq_n_u16(upper, 8));
    uint16x8_t lower_behind = vsubq_u16(both_behind, vshlq_n_u16(upper_behind, 8));
    vst1q_u16(sums, lower);
    vst1q_u16(sums + 8, upper);
    vst1q_u16(sums + 16, lower_behind);
    vst1q_u16(sums + 24, upper_behind);
    if (vmaxvq_u16(vmaxq_u16(vmaxq_u16(lower, upper), vmaxq_u16(lower_behind, upper_behind))) < least) return 0;
    uint32_t good = 0;
    for (int row = 0; row < QZ_BLOCK_ROWS; row++) good |= (uint32_t)(sums[row] >= least) << row;
    return good;
}

#else
typedef int qz_no_blocks_arm;
#endif
