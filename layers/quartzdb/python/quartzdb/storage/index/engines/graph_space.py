"""Where a graph compares rows: in an index's rotation, by product or distance, with no row out of proportion.

Under dot the graph is one over products (ip-NSW: Morozov and Babenko, "Non-metric similarity graphs for maximum inner
product search", 2018). Making all rows equally long by one coordinate more, as Annoy's trees want it, led nowhere: at
15k × 384 with lengths that vary by a third, .38 of the ten best instead of .99 at the same ef.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Matrix, norms_of
from quartzdb.storage.index.engines.rotation import Rotation

_TINY = np.float32(np.finfo(np.float32).tiny)


@dataclass(frozen=True, slots=True)
class GraphSpace:
    """The rotation, and the length in it that no row exceeds: rows beyond are drawn in to it.

    A byte per coordinate cannot span those and all others. They are the long rows, which are added to every answer.
    """

    rotation: Rotation
    longest: float

    def rows(self, rows: Matrix) -> npt.NDArray[np.float32]:
        """Rows (m, d) as the graph holds them, float32 (m, d)."""
        placed = self.rotation.rows(rows)
        if not self.rotation.unit:
            kept = np.minimum(1.0, self.longest / np.maximum(norms_of(placed), _TINY))
            placed *= kept.astype(np.float32)[:, None]
        return placed
