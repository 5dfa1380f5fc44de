"""Gaps: how lists of numbers lie in a file, each number in as few bytes as its list can do with.

A list has one width of 1, 2 or 4 bytes. A number too large for it is preceded by fillers: each is the greatest number
of that width and counts as much. So a list is read by one cumulative sum, and common words take a byte a row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from quartzdb.domain.vector import Rows

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]

WIDTHS = (1, 2, 4)
_TYPES: dict[int, Any] = {1: np.dtype("<u1"), 2: np.dtype("<u2"), 4: np.dtype("<u4")}
_FILLERS = {1: 0xFF, 2: 0xFFFF}


def encode_lists(numbers: Numbers, counts: Numbers) -> tuple[Bytes, Numbers, Numbers]:
    """Lists of `counts` (t,) numbers (>= 1 each) that lie one after another, as bytes one after another; how many bytes
    each takes (t,), and the width that was chosen for it (t,).
    """
    starts = np.cumsum(counts) - counts
    sizes = np.stack(
        [
            counts + np.add.reduceat(numbers // _FILLERS[1], starts),
            2 * (counts + np.add.reduceat(numbers // _FILLERS[2], starts)),
            4 * counts,
        ]
    )
    chosen = sizes.argmin(axis=0)
    widths: Numbers = np.array(WIDTHS)[chosen]
    lengths: Numbers = sizes[chosen, np.arange(len(counts))]
    places = np.cumsum(lengths) - lengths
    encoded = np.empty(int(lengths.sum()), dtype=np.uint8)
    of_number = np.repeat(widths, counts)
    for width in WIDTHS:
        lists = widths == width
        if not lists.any():
            continue
        codes = _with_fillers(numbers[of_number == width], width)
        held = lengths[lists] // width
        first = np.cumsum(held) - held
        to = np.repeat(places[lists] - width * first, held) + width * np.arange(len(codes))
        parts = codes.astype(_TYPES[width]).view(np.uint8).reshape(-1, width)
        for byte in range(width):
            encoded[to + byte] = parts[:, byte]
    return encoded, lengths, widths


def decode_sums(data: Any, width: int) -> Rows:
    """The running sums of a list's numbers: what ascending numbers were, if their differences were encoded."""
    codes = np.frombuffer(data, dtype=_TYPES[width])
    sums: Rows = np.cumsum(codes, dtype=np.int64)
    if width in _FILLERS:
        real = codes != _FILLERS[width]
        if not real.all():
            sums = sums[real]
    return sums


def decode_numbers(data: Any, width: int) -> Numbers:
    """A list's numbers themselves."""
    sums = decode_sums(data, width)
    numbers: Numbers = np.diff(sums, prepend=0)
    return numbers


def _with_fillers(numbers: Numbers, width: int) -> Numbers:
    filler = _FILLERS.get(width)
    if filler is None:
        return numbers
    fillers = numbers // filler
    if not fillers.any():
        return numbers
    ends = np.cumsum(fillers + 1) - 1
    codes = np.full(int(ends[-1]) + 1, filler, dtype=np.int64)
    codes[ends] = numbers - fillers * filler
    return codes
