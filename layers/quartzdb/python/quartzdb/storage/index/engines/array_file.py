"""A file of float32 numbers as numpy.save writes it, read back without numpy.load.

That evaluates the header, and on a damaged one fails in whichever way its parser does.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from quartzdb.storage.index.engines.file_fields import fields_of


def stored_array(path: Path, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """A copy of the numbers of a file that must be of this shape. Raises Corrupted."""
    with fields_of(path) as fields:
        fields.expect("the kind", "S8", b"\x93NUMPY\x01")  # and a zero, the version's second half
        header = fields.array("u1", fields.number("<u2")).tobytes().decode("latin-1").rstrip()
        by_columns = "'fortran_order': True" in header
        expected = f"{{'descr': '<f4', 'fortran_order': {by_columns}, 'shape': {shape}, }}"
        fields.require(header == expected, f"its header is {header[:120]!r}, not {expected!r}")
        numbers: npt.NDArray[np.float32] = fields.array("<f4", int(np.prod(shape))).copy()
        fields.end()
    return numbers.reshape(shape, order="F" if by_columns else "C")
