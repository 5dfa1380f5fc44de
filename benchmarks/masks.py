"""Filters to search with: which rows match, by chance or by what they are about, and the exact answers among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.contenders import TOP_K, Answer, BuiltEngine, Contender, Data, found_by, race, rescored
from quartzdb.domain.vector import Mask, Rows, Vector
from quartzdb.storage.index.engines.exact import best, gather_scores
from quartzdb.storage.index.segments.stored_vectors import MappedVectors

SHARES = (0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 0.001)
KINDS = ("random", "near one row", "far from each query")
QUERIES = 200


@dataclass(frozen=True)
class Groups:
    """Rows in groups by their nearest of some random rows: about content, and not the lists of any engine."""

    labels: Rows
    centres: npt.NDArray[np.float32]

    @staticmethod
    def of(data: Data, count: int = 1000) -> Groups:
        """At most `count` groups."""
        rows = len(data.vectors)
        picked = np.random.default_rng(11).choice(rows, size=min(rows, count), replace=False)
        centres = data.vectors[picked].astype(np.float32)
        blocks = [
            np.argmax(data.vectors[start : start + 4096].astype(np.float32) @ centres.T, axis=1)
            for start in range(0, rows, 4096)
        ]
        return Groups(np.concatenate(blocks), centres)

    def furthest(self, query: Vector, share: float) -> Mask:
        """Whole groups, the furthest from the query, that hold this share of the rows."""
        order = np.argsort(self.centres @ query)
        sizes = np.bincount(self.labels, minlength=len(self.centres))[order]
        chosen = np.zeros(len(self.centres), dtype=np.bool_)
        chosen[order[: int(np.searchsorted(np.cumsum(sizes), share * self.labels.size)) + 1]] = True
        return chosen[self.labels]


def by_filter(data: Data, engines: Sequence[BuiltEngine], rounds: int) -> Iterator[dict[str, Any]]:
    """Each engine with the rows a filter matches, beside gathering and scoring all of those rows."""
    groups = Groups.of(data)
    for kind in KINDS:
        for share in SHARES:
            masks = [mask_for(kind, share, data, groups, query) for query in data.queries[:QUERIES]]
            part = replace(data, queries=data.queries[:QUERIES], truth=truth_among(data, masks))
            allowed = {query.tobytes(): mask for query, mask in zip(part.queries, masks, strict=True)}
            contenders = [
                Contender("gather", "", gathering(data, allowed)),
                *(Contender(engine.name, "", masked(engine, allowed)) for engine in engines),
            ]
            race(contenders, part, rounds)
            for contender in contenders:
                row = contender.row()
                yield {
                    "filter": kind,
                    "share": share,
                    "matches": int(masks[0].sum()),
                    **{name: row[name] for name in ("engine", "recall@10", "qps", "qps_cpu")},
                }


def mask_for(kind: str, share: float, data: Data, groups: Groups, query: Vector) -> Mask:
    """Rows that a filter of this kind matches."""
    if kind == "random":
        return np.random.default_rng(7).random(len(data.vectors)) < share
    if kind == "near one row":
        nearness = data.vectors.astype(np.float32, copy=False) @ data.vectors[0].astype(np.float32)
        return np.asarray(nearness >= np.quantile(nearness, 1 - share), dtype=np.bool_)
    return groups.furthest(query, share)


def truth_among(data: Data, masks: Sequence[Mask]) -> npt.NDArray[np.int32]:
    """Exact answers among the allowed rows, padded with -1 where there are fewer than asked for."""
    truth = np.full((len(masks), TOP_K), -1, dtype=np.int32)
    stored = MappedVectors(data.vectors, data.norms)
    for at, mask in enumerate(masks):
        rows = np.flatnonzero(mask)
        scores = gather_scores(stored, data.metric, data.queries[at], rows)
        found = rows[best(scores, TOP_K)]
        truth[at, : found.size] = found
    return truth


def gathering(data: Data, allowed: Mapping[bytes, Mask]) -> Answer:
    return lambda query: rescored(data, np.flatnonzero(allowed[query.tobytes()]), query)


def masked(engine: BuiltEngine, allowed: Mapping[bytes, Mask]) -> Answer:
    """Rows of the data, found through the engine's own order of them."""
    index = engine.opened()
    ordered = {query: mask[engine.order] for query, mask in allowed.items()}

    def answer(query: Vector) -> Rows:
        return engine.order[found_by(index, engine.ordered, query, ordered[query.tobytes()])]

    return answer
