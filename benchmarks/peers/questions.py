"""What is asked: the set's vectors, fields made for them, filters over those, and the exact answers to all of it.

Made anew from the same seeds each time that there is nothing in the cache. Owns no file of the set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.dataset import exact_answers
from benchmarks.peers.port import FIELDS, TOP_K, Condition, Fields, Floats

SHARES = (0.5, 0.1, 0.01, 0.001)
VALUES = 10_000
"""Each field is an integer from 0 to this, so that `$lt` takes any share of the rows."""
SEED = 5
ANCHOR = 1
"""The row that `place` tells the distance to. Queries are near it and far from it as they come."""
UNFILTERED = ""


def conditions() -> dict[str, Condition | None]:
    """What each filter is called, and the filter."""
    found: dict[str, Condition | None] = {UNFILTERED: None}
    for kind, field in zip(("random", "correlated"), FIELDS, strict=True):
        for share in SHARES:
            found[f"{kind} {100 * share:g} %"] = Condition(field, round(VALUES * share))
    return found


CONDITIONS = conditions()


@dataclass(frozen=True, slots=True)
class Questions:
    """Queries (q, d), and for each condition the exact rows of each, padded with -1 where there are fewer."""

    queries: Floats
    truth: Mapping[str, npt.NDArray[np.int32]]

    def recall(self, condition: str, answers: Sequence[Sequence[int | str]]) -> float:
        """What share of the exact answers to the first queries was found."""
        truth = self.truth[condition][: len(answers)]
        hits = sum(
            len(set(map(int, found)) & set(exact.tolist()) - {-1})
            for found, exact in zip(answers, truth, strict=True)
        )
        wanted = int((truth >= 0).sum())
        return hits / wanted if wanted else 1.0


def fields_of(rows: Floats) -> Fields:
    """Both fields of each row."""
    chance = np.random.default_rng(SEED).integers(0, VALUES, len(rows))
    nearness = rows @ rows[ANCHOR]
    rank = np.empty(len(rows), dtype=np.int64)
    rank[np.argsort(-nearness, kind="stable")] = np.arange(len(rows))
    return np.stack([chance, rank * VALUES // len(rows)], axis=1).astype(np.int64)


def make(data: Path, rows: int | None, cache: Path) -> None:
    """Write rows.npy, fields.npy and questions.npz into `cache`, unless they are there."""
    if (cache / "questions.npz").exists():
        return
    cache.mkdir(parents=True, exist_ok=True)
    base: Floats = np.load(data / "base.npy", mmap_mode="r")[:rows]
    queries: Floats = np.load(data / "queries.npy")
    fields = fields_of(base)
    truth: dict[str, npt.NDArray[np.int32]] = {}
    for name, condition in CONDITIONS.items():
        if condition is None:
            whole = len(base) == len(np.load(data / "base.npy", mmap_mode="r"))
            exact = np.load(data / "gt.npy") if whole else exact_answers(base, queries, TOP_K)
            truth[name] = exact[:, :TOP_K].astype(np.int32)
            continue
        matching = np.flatnonzero(fields[:, FIELDS.index(condition.field)] < condition.below)
        found = matching[exact_answers(np.asarray(base[matching]), queries, TOP_K)]
        truth[name] = np.pad(found, ((0, 0), (0, TOP_K - found.shape[1])), constant_values=-1)
    np.save(cache / "rows.npy", base)
    np.save(cache / "fields.npy", fields)
    kept: dict[str, Any] = {f"truth {name}": exact for name, exact in truth.items()}
    np.savez(cache / "questions.npz", queries=queries, **kept)


def load(cache: Path) -> Questions:
    """What `make` wrote."""
    kept = np.load(cache / "questions.npz")
    return Questions(kept["queries"], {name: kept[f"truth {name}"] for name in CONDITIONS})
