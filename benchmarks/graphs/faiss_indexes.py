"""Indexes of faiss: graphs over codes of several kinds, and inverted lists of product-quantised codes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from benchmarks.graphs.port import DEGREE, EF_CONSTRUCTION, SEED, Floats, Rows, Setting, settings


class Hnsw:
    """A graph over scalar-quantised rows, or over the rows themselves."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self.rescored = kind != "QT_none"
        self.settings = settings((10, 13, 16, 20, 30, 50) if self.rescored else (10,))
        self._index: Any = None

    def build(self, rows: Floats, path: Path) -> None:
        width = rows.shape[1]
        if self._kind == "QT_none":
            index = faiss.IndexHNSWFlat(width, DEGREE, faiss.METRIC_INNER_PRODUCT)
        else:
            kind = getattr(faiss.ScalarQuantizer, self._kind)
            index = faiss.IndexHNSWSQ(width, kind, DEGREE, faiss.METRIC_INNER_PRODUCT)
        _grow(index, rows, path)

    def open(self, path: Path, shape: tuple[int, int]) -> None:
        del shape
        self._index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)

    def search(self, query: Floats, setting: Setting) -> Rows:
        asked = faiss.SearchParametersHNSW(efSearch=int(setting.search_parameter))
        return np.asarray(self._index.search(query[None, :], setting.depth, params=asked)[1][0])


class HnswRabitq(Hnsw):
    """A graph over RaBitQ codes of turned rows. It knows distances only, which rank unit vectors as products do."""

    def __init__(self, bits: int) -> None:
        super().__init__("QT_none")
        self._bits = bits
        self.rescored = True
        self.settings = settings((10, 16, 20, 30, 40, 60, 80, 120, 160))

    def build(self, rows: Floats, path: Path) -> None:
        width = rows.shape[1]
        index = faiss.IndexHNSWRaBitQ(width, DEGREE, self._bits, faiss.METRIC_L2)
        _grow(index, rows @ _rotation(width), path)

    def open(self, path: Path, shape: tuple[int, int]) -> None:
        super().open(path, shape)
        self._rotation = _rotation(shape[1])

    def search(self, query: Floats, setting: Setting) -> Rows:
        return super().search(query @ self._rotation, setting)


class IvfPqFastScan:
    """Lists of 4-bit product codes of two coordinates each, scanned from registers."""

    rescored = True
    settings = settings((20, 30, 50, 80, 120, 200, 400), tuple(range(2000, 30_001, 2000)))

    def build(self, rows: Floats, path: Path) -> None:
        count, width = rows.shape
        lists = math.ceil(1.6 * math.sqrt(count))
        index = faiss.index_factory(width, f"IVF{lists},PQ{width // 2}x4fs", faiss.METRIC_INNER_PRODUCT)
        index.cp.seed = SEED
        index.train(rows[np.random.default_rng(SEED).permutation(count)[: 64 * lists]])
        index.add(rows)
        faiss.write_index(index, str(path))

    def open(self, path: Path, shape: tuple[int, int]) -> None:
        self._index = faiss.read_index(str(path))
        self._rows = shape[0]

    def search(self, query: Floats, setting: Setting) -> Rows:
        lists = max(1, round(setting.search_parameter * self._index.nlist / self._rows))
        asked = faiss.IVFSearchParameters(nprobe=lists)
        return np.asarray(self._index.search(query[None, :], setting.depth, params=asked)[1][0])


class IvfRabitqFastScan:
    """Lists of 1-bit RaBitQ codes of turned rows, scanned from registers."""

    rescored = True
    settings = settings((30, 50, 80, 120, 200, 400), tuple(range(2000, 30_001, 2000)))

    def build(self, rows: Floats, path: Path) -> None:
        count, width = rows.shape
        lists = math.ceil(1.6 * math.sqrt(count))
        turned = rows @ _rotation(width)
        index = faiss.index_factory(width, f"IVF{lists},RaBitQfs", faiss.METRIC_INNER_PRODUCT)
        index.cp.seed = SEED
        index.train(turned[np.random.default_rng(SEED).permutation(count)[: 64 * lists]])
        index.add(turned)
        faiss.write_index(index, str(path))

    def open(self, path: Path, shape: tuple[int, int]) -> None:
        self._index = faiss.read_index(str(path))
        self._rows = shape[0]
        self._rotation = _rotation(shape[1])

    def search(self, query: Floats, setting: Setting) -> Rows:
        lists = max(1, round(setting.search_parameter * self._index.nlist / self._rows))
        asked = faiss.IVFRaBitQSearchParameters(nprobe=lists, qb=4)
        turned = (query @ self._rotation)[None, :]
        return np.asarray(self._index.search(turned, setting.depth, params=asked)[1][0])


def _grow(index: Any, rows: Floats, path: Path) -> None:
    index.hnsw.efConstruction = EF_CONSTRUCTION
    index.train(rows)
    index.add(rows)
    faiss.write_index(index, str(path))


def _rotation(width: int) -> Floats:
    q, _ = np.linalg.qr(np.random.default_rng(SEED).standard_normal((width, width)))
    return np.ascontiguousarray(q, dtype=np.float32)
