"""Long rows: under dot, the few rows that are far longer than the rest answer most queries that point their way.

No index places them well, and one of them blurs all others where a computation has to cover its length. So indexes
leave them out of account and add them to every answer, to be rescored.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.vector import Floats, Mask, Matrix, Rows, norms_of
from quartzdb.storage.index.engines.exact import best

LENGTH_FACTOR = 4.0
"""A row is long if it is this many times longer than the median."""
ROWS_MAX = 256
"""At most so many are treated apart, the longest: rescoring them takes about 0.05 ms."""
_BLOCK_FLOATS = 1 << 21


def lengths_of(vectors: Matrix) -> Floats:
    """Lengths of all rows (n,), block by block."""
    step = max(1, _BLOCK_FLOATS // vectors.shape[1])
    return np.concatenate([norms_of(vectors[start : start + step]) for start in range(0, len(vectors), step)])


def long_rows(lengths: Floats) -> Rows:
    """The long rows among rows of these lengths, ascending."""
    real = lengths[lengths > 0]
    if not real.size:
        return np.empty(0, dtype=np.int64)
    long = np.flatnonzero(lengths > LENGTH_FACTOR * np.median(real))
    return np.sort(long[best(lengths[long], ROWS_MAX)])


def parse(document: Any, rows: int) -> Rows:
    """Row numbers read back from JSON. Raises Corrupted."""
    try:
        numbers = np.array(document, dtype=np.int64)
    except (TypeError, ValueError, OverflowError) as error:
        raise Corrupted("The index parameters' list of long rows is not readable.") from error
    if numbers.ndim != 1 or not ((numbers >= 0) & (numbers < rows)).all():
        raise Corrupted("The index parameters' list of long rows names rows that are not there.")
    return numbers


def added(found: Rows, long: Rows, allowed: Mask | None) -> Rows:
    """What an index found and the allowed long rows, ascending and each once."""
    return np.union1d(found, long if allowed is None else long[allowed[long]])
