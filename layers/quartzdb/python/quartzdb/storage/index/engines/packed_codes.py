"""Codes of 4 bits as faiss's fast scan has them: 32 rows in a block, so that one instruction looks up a part of each.

A code is numbers of 4 bits, its parts, two in a byte, the first in its lower half. In a block, two parts of all 32 rows
take 32 bytes: 16 of the first part, then 16 of the second; in the lower half of each byte a row of the first 16, in
the upper half one of the others. (faiss's pq4_pack_codes. André et al., "Quicker ADC", arXiv:1812.09162.)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quartzdb.domain.vector import Rows

CodeBytes = npt.NDArray[np.uint8]

BLOCK_ROWS = 32
_HALF = BLOCK_ROWS // 2
_ROW_AT = np.array([0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15])
"""Which of 16 rows is at each place: two lanes are added up apart."""
_PLACE_OF = np.argsort(_ROW_AT)


def padded(sizes: Rows) -> Rows:
    """How many rows there is room for in the blocks that so many rows take."""
    rounded: Rows = -(-sizes // BLOCK_ROWS) * BLOCK_ROWS
    return rounded


def packed(codes: CodeBytes) -> CodeBytes:
    """Blocks of codes (m, bytes), one after another; rows that the last block lacks are zero."""
    rows, width = codes.shape
    full = np.zeros((-(-rows // BLOCK_ROWS) * BLOCK_ROWS, width), dtype=np.uint8)
    full[:rows] = codes
    # (blocks, half of a block, place, byte)
    halves = full.reshape(-1, 2, _HALF, width)[:, :, _ROW_AT]
    first, second = halves & 15, halves >> 4
    pairs = np.concatenate([first[:, 0] | first[:, 1] << 4, second[:, 0] | second[:, 1] << 4], axis=1)
    return np.ascontiguousarray(pairs.transpose(0, 2, 1)).reshape(-1)


def unpacked(blocks: CodeBytes, rows: int, width: int) -> CodeBytes:
    """The codes (rows, width) in blocks."""
    pairs = blocks.reshape(-1, width, BLOCK_ROWS).transpose(0, 2, 1)
    first, second = pairs[:, :_HALF][:, _PLACE_OF], pairs[:, _HALF:][:, _PLACE_OF]
    lower, upper = (first & 15) | (second & 15) << 4, first >> 4 | second & 0xF0
    return np.concatenate([lower, upper], axis=1).reshape(-1, width)[:rows]
