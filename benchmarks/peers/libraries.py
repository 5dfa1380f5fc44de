"""What is no database: a graph library, and scoring every row with numpy. Fields are an array beside them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.peers.port import (
    DEGREE,
    EF_CONSTRUCTION,
    FIELDS,
    FILTERED_PARAMETERS,
    TOP_K,
    Ask,
    Condition,
    Fields,
    Floats,
    InProcess,
    Setting,
    Written,
    batches,
    settings_of,
)


class Hnswlib(InProcess):
    """A graph over the rows. A filter is a function that it calls for each row that it meets."""

    settings = settings_of("ef")
    filtered = settings_of("ef", (*FILTERED_PARAMETERS, 1000))

    def ingest(self, rows: Floats, fields: Fields, place: Path) -> Written:
        import hnswlib

        place.mkdir()
        started = time.perf_counter()
        index = hnswlib.Index(space="cosine", dim=rows.shape[1])
        index.init_index(max_elements=len(rows), M=DEGREE, ef_construction=EF_CONSTRUCTION, random_seed=1)
        for batch in batches(rows, fields):
            index.add_items(batch.vectors, np.arange(batch.ids.start, batch.ids.stop))
        acknowledged = time.perf_counter() - started
        index.save_index(str(place / "index.bin"))
        np.savez(place / "fields.npz", fields=fields, shape=rows.shape)
        return Written(len(rows), acknowledged, time.perf_counter() - started)

    def open(self, place: Path) -> None:
        import hnswlib

        kept = np.load(place / "fields.npz")
        self._fields = kept["fields"]
        self._index = hnswlib.Index(space="cosine", dim=int(kept["shape"][1]))
        self._index.load_index(str(place / "index.bin"))
        self._index.set_num_threads(1)

    def asking(self, setting: Setting, condition: Condition | None) -> Ask:
        self._index.set_ef(setting["ef"])

        def ask(query: Floats) -> list[int]:
            if condition is None:
                return self._nearest(query, TOP_K, None)
            allowed = self._fields[:, FIELDS.index(condition.field)] < condition.below
            wanted = min(TOP_K, int(np.count_nonzero(allowed)))
            try:
                return self._nearest(query, wanted, allowed.tolist().__getitem__)
            except RuntimeError:
                # This is how it says that its walk met fewer than it was asked for.
                return []

        return ask

    def _nearest(self, query: Floats, count: int, accepts: Callable[[int], bool] | None) -> list[int]:
        found: list[int] = self._index.knn_query(query, k=count, num_threads=1, filter=accepts)[0][0].tolist()
        return found


class BruteForce(InProcess):
    """One product of all rows, or of those that match, with the query."""

    settings: Sequence[Setting] = ({},)
    filtered: Sequence[Setting] = ({},)

    def ingest(self, rows: Floats, fields: Fields, place: Path) -> Written:
        place.mkdir()
        started = time.perf_counter()
        np.save(place / "rows.npy", np.concatenate([batch.vectors for batch in batches(rows, fields)]))
        np.save(place / "fields.npy", fields)
        took = time.perf_counter() - started
        return Written(len(rows), took, took)

    def open(self, place: Path) -> None:
        self._rows: Floats = np.load(place / "rows.npy", mmap_mode="r")
        self._fields: npt.NDArray[Any] = np.load(place / "fields.npy")

    def asking(self, setting: Setting, condition: Condition | None) -> Ask:
        del setting

        def ask(query: Floats) -> list[int]:
            if condition is None:
                scores = self._rows @ query
                best = np.argpartition(-scores, TOP_K)[:TOP_K]
                found: list[int] = best[np.argsort(-scores[best])].tolist()
                return found
            rows = np.flatnonzero(self._fields[:, FIELDS.index(condition.field)] < condition.below)
            scores = self._rows[rows] @ query
            best = np.argsort(-scores)[:TOP_K]
            return list(rows[best].tolist())

        return ask
