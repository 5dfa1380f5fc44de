"""The port that every engine implements. An engine proposes rows; it never filters by value or knows records.

What an engine proposes is rescored from full-precision vectors, by the query or, where it can do both in one step, by
the engine: its approximate distances never reach a user. Engines are imported lazily: faiss costs a cold start ~80 ms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from quartzdb.domain.metric import Metric
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Floats, Mask, Matrix, Rows, Vector
from quartzdb.storage.index.segments.stored_vectors import StoredVectors


@dataclass(frozen=True, slots=True)
class BuiltIndex:
    """What a build produced: files in the directory it was given, and JSON parameters that `open` needs.

    `parameters` include what calibration chose (for example nprobe and rescoring depth).

    `order`: in which order the rows must lie from now on, such that those which are looked at together lie together.
    Row i is then what row `order[i]` was in the build, and the files use these new numbers. None: as they lie.
    """

    files: tuple[str, ...]
    parameters: Mapping[str, Any]
    order: Rows | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Best:
    """The best rows by their exact scores, best first, and every row that scores the same as the last of them."""

    rows: Rows
    scores: Floats
    scored: int
    """How many rows were scored to find these."""
    exact: bool = False
    """Whether no other row can be better."""


class Index(Protocol):
    """One opened index over rows 0 … n-1 of a segment. Safe to search from several threads."""

    def candidates(
        self, query: Vector, count: int, allowed: Mask | None = None, recall: float | None = None
    ) -> Rows:
        """Rows likely to hold the `count` best by the metric, in no particular order and without repeats.

        Returns more than `count` where rescoring needs the depth, and never fewer than min(count, rows it may return).
        `allowed` (n,) restricts the rows: only allowed ones come back, and recall does not fall with it (never by
        filtering afterwards). `query` (d,) is float32; it need not be normalised.

        `recall` is what share of the `count` best shall be among them, as calibration measures it: less is found
        sooner. None: the engine's usual one. What no search parameter is known to reach is scanned for, and 1.0 always.
        """
        ...

    def candidates_of_each(self, queries: Matrix, count: int, recall: float | None = None) -> Sequence[Rows]:
        """What `candidates` proposes for each of some queries (m, d), without a filter: all in one go where that pays.

        `one_by_one` is an implementation for an index to which it makes no difference.
        """
        ...

    def best(
        self, query: Vector, count: int, recall: float | None = None, allowed: Mask | None = None
    ) -> Best | None:
        """The `count` best of the rows that `candidates` proposes, or of better ones, with their exact scores, where
        the index can score them in the same step. None where it cannot: then it is asked for candidates.
        """
        ...

    def exactly(
        self, query: Vector, count: int, rows: Rows | None = None, allowed: Mask | None = None
    ) -> Best | None:
        """Exactly the `count` best of some rows (m,), each named once, of the allowed ones, or of all, where the index
        knows of a shorter way than to score each of them. None where it does not.
        """
        ...

    @property
    def resident_bytes(self) -> int:
        """Bytes that stay in memory for this index, for the cache's budget."""
        ...


def one_by_one(index: Index, queries: Matrix, count: int, recall: float | None) -> Sequence[Rows]:
    """Candidates of each query (m, d), by as many searches."""
    return [index.candidates(query, count, recall=recall) for query in queries]


class Engine(Protocol):
    """Builds and opens indexes."""

    @property
    def name(self) -> str:
        """What a namespace's settings and a manifest call the engine."""
        ...

    def build(
        self, vectors: Matrix, metric: Metric, directory: Path, *, seed: int, threads: int
    ) -> BuiltIndex:
        """Write an index of `vectors` (n, d) float32 or float16, n >= 1; `BuiltIndex.order` says what numbers rows get.

        Same seed, same bytes.
        """
        ...

    def open(
        self,
        files: Mapping[str, Path],
        parameters: Mapping[str, Any],
        vectors: StoredVectors,
        metric: Metric,
    ) -> Index:
        """Open what `build` wrote: `files` by the names that `BuiltIndex` has, wherever they lie now.

        `vectors` are the segment's full-precision rows, which may have to be fetched: only a scan reads many of them.
        Raises Corrupted where files or parameters are not what `build` writes.
        """
        ...
