/* For any processor. */
#include "arithmetic.h"

#include <string.h>

/* In a block two parts of all 32 rows take 32 bytes, of 16 bytes each; row 8 is behind row 0, row 9 behind row 1, and so on;
 * the upper halves of the bytes belong to rows 16 to 31. See packed_codes.py. */
uint32_t qz_block_sums_plain(const uint8_t *tables, const uint8_t *block, size_t pairs, uint16_t least, uint16_t *sums) {
    memset(sums, 0, sizeof(uint16_t) * QZ_BLOCK_ROWS);
    for (size_t half = 0; half < 2 * pairs; half++, block += 16, tables += 16)
        for (int place = 0; place < 16; place++) {
            const int row = (place >> 1) + 8 * (place & 1);
            sums[row] = (uint16_t)(sums[row] + tables[block[place] & 15]);
            sums[row + 16] = (uint16_t)(sums[row + 16] + tables[block[place] >> 4]);
        }
    uint32_t good = 0;
    for (int row = 0; row < QZ_BLOCK_ROWS; row++) good |= (uint32_t)(sums[row] >= least) << row;
    return good;
}
