"""More rows than there are real ones: versions of each, mixed with another one by chance, at unit length like it.

Made block by block, so that a million rows take the memory of one block. The first rows are the real ones, unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_SEED = 1
SHARE_MIN, SHARE_MAX = 0.2, 0.6
"""How much of the other row goes into a mixture."""


def blocks(base: Floats, rows: int) -> Iterator[Floats]:
    """`rows` rows (m, d) in blocks as long as `base` or shorter: itself first, then mixtures of it."""
    yield np.asarray(base[: min(rows, len(base))], np.float32)
    generator = np.random.default_rng(_SEED)
    for start in range(len(base), rows, len(base)):
        share = np.float32(generator.uniform(SHARE_MIN, SHARE_MAX))
        # Each with the next one in an order by chance: a permutation alone would mix some row with itself.
        order = generator.permutation(len(base))
        mixed = np.empty(base.shape, np.float32)
        mixed[order] = base[np.roll(order, 1)]
        mixed *= share
        mixed += base
        mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
        yield mixed[: rows - start]


def rows_of(base: Floats, rows: int) -> Floats:
    """The same as one array in memory."""
    return np.concatenate(list(blocks(base, rows)))


def make(source: Path, directory: Path, rows: int, queries: int) -> Path:
    """A set of `rows` rows in `directory`, grown from the set in `source`. Does nothing where it is complete."""
    if (directory / "about.json").exists():
        return directory
    directory.mkdir(parents=True, exist_ok=True)
    base: Floats = np.load(source / "base.npy", mmap_mode="r")
    asked: Floats = np.load(source / "queries.npy")[:queries]
    truth = NearestSoFar(asked, depth=100)
    grown = np.lib.format.open_memmap(
        directory / "base.npy", mode="w+", dtype=np.float32, shape=(rows, base.shape[1])
    )
    start = 0
    for block in blocks(base, rows):
        grown[start : start + len(block)] = block
        truth.add(block)
        start += len(block)
    grown.flush()
    np.save(directory / "queries.npy", asked)
    np.save(directory / "gt.npy", truth.rows())
    about = json.loads((source / "about.json").read_text())
    about["source"] += f"; beyond {len(base):,} rows mixed from two of those each"
    (directory / "about.json").write_text(json.dumps({**about, "rows": rows}, indent=1))
    return directory


class NearestSoFar:
    """The exact best rows of each query, by product, over blocks that come one after the other."""

    _AT_ONCE = 16_384

    def __init__(self, queries: Floats, depth: int) -> None:
        self._queries = queries
        self._depth = depth
        self._seen = 0
        self._scores = np.empty((len(queries), 0), np.float32)
        self._rows = np.empty((len(queries), 0), np.int32)

    def add(self, block: Floats) -> None:
        """The next rows (m, d)."""
        for start in range(0, len(block), self._AT_ONCE):
            part = block[start : start + self._AT_ONCE]
            numbers = np.arange(self._seen, self._seen + len(part), dtype=np.int32)
            scores = np.concatenate([self._scores, self._queries @ part.T], axis=1)
            rows = np.concatenate(
                [self._rows, np.broadcast_to(numbers, (len(self._queries), len(part)))], axis=1
            )
            depth = min(self._depth, scores.shape[1])
            best = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
            self._scores = np.take_along_axis(scores, best, axis=1)
            self._rows = np.take_along_axis(rows, best, axis=1)
            self._seen += len(part)

    def rows(self) -> npt.NDArray[np.int32]:
        """Row numbers (queries, depth), best first."""
        order = np.argsort(-self._scores, axis=1, kind="stable")
        return np.take_along_axis(self._rows, order, axis=1)
