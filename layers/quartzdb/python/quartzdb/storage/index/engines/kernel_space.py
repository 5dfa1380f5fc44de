"""How the kernel places a query: a rotation, as it sees it."""

from __future__ import annotations

import ctypes

import numpy as np

from quartzdb.storage.index.engines.kernel_library import QuerySpace
from quartzdb.storage.index.engines.rotation import QUERY_LENGTH_MAX, Rotation


class KernelSpace:
    """Of a rotation. `address` is valid for as long as this object is held."""

    def __init__(self, rotation: Rotation) -> None:
        self._arrays = [
            np.ascontiguousarray(one, dtype=np.float32)
            for one in (rotation.center, rotation.signs, rotation.left, rotation.right)
        ]
        sizes = (rotation.center.size, rotation.padded, len(rotation.left), len(rotation.right))
        self.dimension = rotation.center.size
        self.padded = rotation.padded
        self._space = QuerySpace(
            *(one.ctypes.data for one in self._arrays),
            *(rotation.scale, QUERY_LENGTH_MAX, *sizes, int(rotation.inner)),
        )
        self.address = ctypes.addressof(self._space)
