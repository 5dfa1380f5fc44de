"""Libraries other than faiss. Each class imports its own on construction, so that a process has only one."""

from __future__ import annotations

import json
import math
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.graphs.port import DEGREE, EF_CONSTRUCTION, SEED, Floats, Rows, Setting, settings


class Hnswlib:
    """The reference: a graph over the rows themselves, in one block per row."""

    rescored = False
    settings = settings((10,))

    def __init__(self) -> None:
        self._library = import_module("hnswlib")

    def build(self, rows: Floats, path: Path) -> None:
        index = self._library.Index(space="cosine", dim=rows.shape[1])
        index.init_index(max_elements=len(rows), M=DEGREE, ef_construction=EF_CONSTRUCTION, random_seed=SEED)
        index.set_num_threads(1)
        index.add_items(rows)
        index.save_index(str(path))

    def open(self, path: Path, shape: tuple[int, int]) -> None:
        self._index = self._library.Index(space="cosine", dim=shape[1])
        self._index.load_index(str(path))
        self._index.set_num_threads(1)

    def search(self, query: Floats, setting: Setting) -> Rows:
        self._index.set_ef(int(setting.search_parameter))
        return np.asarray(self._index.knn_query(query, k=setting.depth)[0][0], dtype=np.int64)


class Usearch:
    """A graph over rows of one byte a coordinate, searched in the mapped file."""

    rescored = True
    settings = settings((10, 13, 16, 20, 30, 50))

    def __init__(self) -> None:
        self._library = import_module("usearch.index")

    def build(self, rows: Floats, path: Path) -> None:
        index = self._library.Index(
            ndim=rows.shape[1], metric="cos", dtype="i8", connectivity=DEGREE, expansion_add=EF_CONSTRUCTION
        )
        index.add(np.arange(len(rows)), rows, threads=1)
        index.save(str(path))

    def open(self, path: Path, shape: tuple[int, int]) -> None:
        self._index = self._library.Index(ndim=shape[1], metric="cos", dtype="i8", connectivity=DEGREE)
        self._index.view(str(path))

    def search(self, query: Floats, setting: Setting) -> Rows:
        self._index.expansion_search = int(setting.search_parameter)
        return np.asarray(self._index.search(query, setting.depth, threads=1).keys, dtype=np.int64)


class Scann:
    """Lists of 4-bit product codes with anisotropic loss. Its own rescoring would need the rows in its files."""

    rescored = True
    settings = settings((30, 50, 80, 120, 200, 400), tuple(range(2000, 40_001, 2000)))

    def __init__(self) -> None:
        self._library = import_module("scann").scann_ops_pybind

    def build(self, rows: Floats, path: Path) -> None:
        lists = math.ceil(1.6 * math.sqrt(len(rows)))
        index = (
            self._library.builder(rows, 10, "dot_product")
            .set_n_training_threads(1)
            .tree(num_leaves=lists, num_leaves_to_search=10, training_sample_size=64 * lists)
            .score_ah(2, anisotropic_quantization_threshold=0.2)
            .build()
        )
        path.mkdir()
        index.serialize(str(path))

    def open(self, path: Path, shape: tuple[int, int]) -> None:
        self._index = self._library.load_searcher(str(path))
        self._rows_per_list = math.sqrt(shape[0]) / 1.6

    def search(self, query: Floats, setting: Setting) -> Rows:
        lists = max(1, round(setting.search_parameter / self._rows_per_list))
        found = self._index.search(query, final_num_neighbors=setting.depth, leaves_to_search=lists)[0]
        return np.asarray(found, dtype=np.int64)


class Ngt:
    """A neighbourhood graph. Its quantised graphs (QG, QBG) are built by a command that the wheel does not have."""

    settings = settings((10,), (-0.05, -0.02, 0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3))

    def __init__(self, kind: str) -> None:
        self._library = import_module("ngtpy")
        self._kind = kind
        self.rescored = False

    def build(self, rows: Floats, path: Path) -> None:
        self._library.create(str(path), rows.shape[1], 20, 60, "Normalized Cosine", self._kind)
        index = self._library.Index(str(path), log_disabled=True)
        index.batch_insert(rows, num_threads=1)
        index.save()

    def open(self, path: Path, shape: tuple[int, int]) -> None:
        del shape
        self._index = self._library.Index(str(path), read_only=True, log_disabled=True)

    def search(self, query: Floats, setting: Setting) -> Rows:
        found = self._index.search(query, setting.depth, setting.search_parameter, with_distance=False)
        return np.asarray(found, dtype=np.int64)


class Svs:
    """A Vamana graph over half-precision rows. Its LVQ and LeanVec codes refuse processors that are not Intel's."""

    rescored = False
    settings = settings((10,))

    def __init__(self) -> None:
        self._library = import_module("svs")

    def build(self, rows: Floats, path: Path) -> None:
        asked = self._library.VamanaBuildParameters(
            graph_max_degree=2 * DEGREE, window_size=EF_CONSTRUCTION, alpha=0.95
        )
        kind = self._library.DistanceType.MIP
        index = self._library.Vamana.build(asked, rows.astype(np.float16), kind, num_threads=1)
        path.mkdir()
        index.save(*(str(path / part) for part in ("config", "graph", "data")))

    def open(self, path: Path, shape: tuple[int, int]) -> None:
        loader = self._library.VectorDataLoader(
            str(path / "data"), self._library.DataType.float16, dims=shape[1]
        )
        kind = self._library.DistanceType.MIP
        self._index = self._library.Vamana(
            str(path / "config"), str(path / "graph"), loader, kind, num_threads=1
        )

    def search(self, query: Floats, setting: Setting) -> Rows:
        if self._index.search_window_size != int(setting.search_parameter):
            self._index.search_window_size = int(setting.search_parameter)
        return np.asarray(self._index.search(query, setting.depth)[0][0], dtype=np.int64)


class RabitqHnsw:
    """A graph over RaBitQ codes around centroids, by the authors of RaBitQ."""

    rescored = True
    settings = settings((10, 13, 16, 20, 30, 50))

    def __init__(self, bits: int = 4, centroids: int = 16) -> None:
        self._library = import_module("rabitqlib")
        self._bits = bits
        self._centroids = centroids

    def build(self, rows: Floats, path: Path) -> None:
        chosen = np.random.default_rng(SEED).choice(len(rows), self._centroids, replace=False)
        nearest = np.argmax(rows @ rows[chosen].T, axis=1).astype(np.uint32)
        index = self._library.HnswIndex(
            rows.shape[1], len(rows), DEGREE, EF_CONSTRUCTION, self._bits, "ip", random_seed=SEED
        )
        index.build(rows, rows[chosen], nearest, num_threads=1)
        index.save(str(path))

    def open(self, path: Path, shape: tuple[int, int]) -> None:
        del shape
        self._index = self._library.HnswIndex.load(str(path))

    def search(self, query: Floats, setting: Setting) -> Rows:
        found = self._index.search(query[None, :], setting.depth, int(setting.search_parameter))
        return np.asarray(found[0][0], dtype=np.int64)


class SymphonyQg:
    """A graph whose every row has its neighbours' codes beside it, and the row itself."""

    rescored = False
    settings = settings((10,))

    def __init__(self) -> None:
        self._library = import_module("rabitqlib")

    def build(self, rows: Floats, path: Path) -> None:
        index = self._library.SymqgIndex(rows.shape[1], 2 * DEGREE, metric="ip")
        index.build(rows, EF_CONSTRUCTION, num_threads=1)
        index.save(str(path))

    def open(self, path: Path, shape: tuple[int, int]) -> None:
        del shape
        self._index = self._library.SymqgIndex.load(str(path))

    def search(self, query: Floats, setting: Setting) -> Rows:
        found = self._index.search(query[None, :], setting.depth, int(setting.search_parameter))
        return np.asarray(found[0][0], dtype=np.int64)


class Vsag:
    """A graph over scalar-quantised rows."""

    rescored = True
    settings = settings((10, 13, 16, 20, 30, 50))

    def __init__(self, kind: str) -> None:
        self._library = import_module("pyvsag")
        self._kind = kind
        self._asked: dict[float, str] = {}

    def build(self, rows: Floats, path: Path) -> None:
        index = self._new(rows.shape[1])
        index.build(vectors=rows, ids=np.arange(len(rows)), num_elements=len(rows), dim=rows.shape[1])
        index.save(str(path))

    def open(self, path: Path, shape: tuple[int, int]) -> None:
        self._index = self._new(shape[1])
        self._index.load(str(path))

    def search(self, query: Floats, setting: Setting) -> Rows:
        asked = self._asked.setdefault(
            setting.search_parameter, json.dumps({"hgraph": {"ef_search": int(setting.search_parameter)}})
        )
        return np.asarray(self._index.knn_search(query, setting.depth, asked)[0], dtype=np.int64)

    def _new(self, width: int) -> Any:
        asked = {
            "base_quantization_type": self._kind,
            "max_degree": 2 * DEGREE,
            "ef_construction": EF_CONSTRUCTION,
            "build_thread_count": 1,
        }
        document = {"dtype": "float32", "metric_type": "ip", "dim": width, "index_param": asked}
        return self._library.Index("hgraph", json.dumps(document))
