"""The project's engine `ivf`, over the rows of the benchmark, as the bar that a graph has to pass."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmarks.graphs.port import SEED, Floats, Rows, Setting
from quartzdb.domain.metric import Metric
from quartzdb.domain.vector import norms_of
from quartzdb.storage.index.engines.ivf import IvfEngine
from quartzdb.storage.index.engines.port import Index
from quartzdb.storage.index.segments.stored_vectors import MappedVectors

_PARAMETERS = "parameters.json"
_ORDER = "order.npy"


class Ivf:
    """Its search parameter is how near a list must be; see docs/benchmarks-engines.md."""

    rescored = True
    settings = tuple(
        Setting(round(0.6 - 0.03 * step, 2), depth) for step in range(24) for depth in (80, 120, 164, 240)
    )

    def build(self, rows: Floats, path: Path) -> None:
        path.mkdir()
        built = IvfEngine().build(rows, Metric.COSINE, path, seed=SEED, threads=1)
        np.save(path / _ORDER, np.arange(len(rows)) if built.order is None else built.order)
        (path / _PARAMETERS).write_text(json.dumps({"files": built.files, **built.parameters}))

    def open(self, path: Path, shape: tuple[int, int]) -> None:
        parameters = json.loads((path / _PARAMETERS).read_text())
        files = {name: path / name for name in parameters.pop("files")}
        # What is rescored is the worker's; the engine looks at the vectors only where it scans.
        empty = np.broadcast_to(np.float32(0), shape)
        vectors = MappedVectors(empty, norms_of(empty[:1]))

        def opened(setting: Setting) -> Index:
            plain = {"plain": [[10, setting.search_parameter, setting.depth]]}
            return IvfEngine().open(files, {**parameters, **plain}, vectors, Metric.COSINE)

        self._open = opened
        self._indexes: dict[Setting, Index] = {}
        self._order: Rows = np.load(path / _ORDER)

    def search(self, query: Floats, setting: Setting) -> Rows:
        if setting not in self._indexes:
            self._indexes[setting] = self._open(setting)
        # The worker rescores rows as it has them.
        proposed: Rows = self._order[self._indexes[setting].candidates(query, 10)]
        return proposed
