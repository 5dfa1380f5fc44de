"""How far a graph's codes may be off: what makes a comparison of codes say for certain that a row is not the answer.

Measured on every row when a graph is built. Segments of before have no such numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.vector import Matrix, Rows
from quartzdb.storage.index.engines.graph_layout import GraphFile
from quartzdb.storage.index.engines.rotation import Rotation

NAME = "code_bounds"


class CodeBounds(NamedTuple):
    """Of all rows but the long ones: the greatest distance of a turned row from what its codes stand for, and the
    greatest length of that.
    """

    error: float
    longest: float

    def document(self) -> list[float]:
        """JSON for a segment's parameters."""
        return [self.error, self.longest]


def measured(file: GraphFile, rotation: Rotation, blocks: Iterable[tuple[Rows, Matrix]]) -> CodeBounds:
    """Those of some rows of a graph, block by block: their numbers (m,), and the rows (m, d)."""
    error = longest = 0.0
    for numbers, rows in blocks:
        stands_for = file.codes[numbers].astype(np.float64) * file.step
        turned = rotation.turned(rotation.rows(rows)).astype(np.float64)
        longest = max(longest, _longest(stands_for))
        error = max(error, _longest(turned - stands_for))
    return CodeBounds(error, longest)


def bounds_of(parameters: Mapping[str, Any]) -> CodeBounds | None:
    """Read `document` back; None where there is none. Raises Corrupted."""
    if NAME not in parameters:
        return None
    try:
        error, longest = (float(number) for number in parameters[NAME])
    except (TypeError, ValueError) as problem:
        raise Corrupted(f"The index parameters have no readable {NAME!r}.") from problem
    if not (0 <= error < np.inf and 0 <= longest < np.inf):
        raise Corrupted(f"The index parameters say that codes are off by {error} of {longest}.")
    return CodeBounds(error, longest)


def _longest(rows: Matrix) -> float:
    return float(np.sqrt(np.einsum("ij,ij->i", rows, rows).max(initial=0.0)))
