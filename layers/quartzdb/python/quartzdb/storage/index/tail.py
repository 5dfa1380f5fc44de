"""The tail in memory: records written since the segments were made, merged by version and searchable at once.

Rows are only ever appended; a record that changes takes a new row and its old row dies. So a view taken under the
owner's lock stays valid while later writes go on.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from quartzdb.domain.change import Change
from quartzdb.domain.merge import UNKNOWN, RecordState, apply
from quartzdb.domain.metric import Metric
from quartzdb.domain.text_fields import TextField
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Floats, Mask, Rows, Vector, norms_of
from quartzdb.storage.index.fields.memory_fields import MemoryFields
from quartzdb.storage.index.segments.located import Located, SegmentLookup

if TYPE_CHECKING:
    from quartzdb.storage.index.text.memory_inverted import MemoryInverted

_CHUNK_ROWS_MIN = 64
_CHUNK_ROWS_MAX = 4096
_SCORES_TOGETHER_MAX = 1 << 23
"""Scores of several queries that are in memory at one time: 32 MB."""
_SCANNED_SHARE_MIN = 0.3
"""From this share of rows on, scanning all of them takes less time than gathering some."""


@dataclass(slots=True, eq=False)
class _Chunk:
    vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]]
    norms: Floats
    used: int = 0
    measured: int = 0
    """Rows whose norm is there."""


@dataclass(frozen=True, slots=True, eq=False)
class TailView:
    """The tail as it was at one moment. `alive` flags the rows that hold a record's present state.

    What has expired is not among them. `expires_from_ms` is when the next of them expires, None for never.
    """

    chunks: Sequence[tuple[np.ndarray[tuple[int, int], np.dtype[np.float32]], Floats]]
    ids: Sequence[str]
    states: Sequence[RecordState]
    alive: Mask
    alive_count: int
    expires_from_ms: int | None = None

    def scores(self, metric: Metric, query: Vector) -> Floats:
        """Exact scores of all rows, dead ones included."""
        if not self.chunks:
            return np.empty(0, dtype=np.float32)
        return np.concatenate([metric.scores(vectors, norms, query) for vectors, norms in self.chunks])

    def scores_of_each(self, metric: Metric, queries: Sequence[Vector]) -> Iterator[Floats]:
        """As `scores`, of several queries: rows are read once for some of them together."""
        together = max(1, _SCORES_TOGETHER_MAX // max(1, len(self.alive)))
        for start in range(0, len(queries), together):
            some = queries[start : start + together]
            turned = np.ascontiguousarray(np.stack(some).T)
            products = [vectors @ turned for vectors, _ in self.chunks]
            for number, query in enumerate(some):
                yield np.concatenate(
                    [
                        metric.scores_of(
                            np.ascontiguousarray(of_chunk[:, number]), norms, query, vectors.__getitem__
                        )
                        for of_chunk, (vectors, norms) in zip(products, self.chunks, strict=True)
                    ]
                )

    def scores_at(self, metric: Metric, query: Vector, rows: Rows) -> Floats:
        """Exact scores of some rows (m,), ascending; float32 (m,)."""
        if rows.size > _SCANNED_SHARE_MIN * len(self.alive):
            scores = self.scores(metric, query)
            return scores if rows.size == scores.size else scores[rows]
        found: list[Floats] = []
        first = begin = 0
        for vectors, norms in self.chunks:
            end = int(np.searchsorted(rows, first + len(vectors)))
            if end > begin:
                places = rows[begin:end] - first
                found.append(metric.scores(vectors.take(places, axis=0), norms.take(places), query))
            first, begin = first + len(vectors), end
        return np.concatenate(found) if found else np.empty(0, dtype=np.float32)


class Tail:
    """Not thread-safe: its owner serialises calls, and hands out views.

    `text` and `sparse` are the metadata fields that are searched.
    """

    def __init__(
        self,
        dimension: int,
        lookup: SegmentLookup,
        text: Mapping[str, TextField] | None = None,
        sparse: Sequence[str] = (),
    ) -> None:
        self._dimension = dimension
        self._lookup = lookup
        self._chunks: list[_Chunk] = []
        self._ids: list[str] = []
        self._row_states: list[RecordState] = []
        self._alive = bytearray()
        self._states: dict[str, tuple[RecordState, int | None]] = {}
        self._fields = MemoryFields()
        self._fields_upto = 0
        self._text = text or {}
        self._sparse = sparse
        self._inverted: MemoryInverted | None = None
        self._view: TailView | None = None
        self._expiring_rows = array("q")
        self._moments = array("q")
        self.superseded: dict[int, list[int]] = {}
        """Rows of each segment (by its number) that a record in the tail replaces."""

    @property
    def rows(self) -> int:
        """Rows in memory, dead ones included; at least as many as ids, since a tombstone takes its place too."""
        return max(len(self._ids), len(self._states))

    def apply(self, changes: Iterable[Change]) -> None:
        """Merge changes in. Old news changes nothing."""
        batch = list(changes)
        unknown = {change.id for change in batch if change.id not in self._states}
        located = self._lookup(unknown) if unknown else {}
        for change in batch:
            self._apply_one(change, located.get(change.id))
        if self._chunks:
            self._measure(self._chunks[-1])
        self._view = None

    def state(self, record_id: str) -> RecordState | None:
        """What the tail knows of an id: the whole truth where it knows anything."""
        known = self._states.get(record_id)
        return known[0] if known else None

    def states(self) -> dict[str, RecordState]:
        """All that it knows at this moment, tombstones included."""
        return {record_id: state for record_id, (state, _) in self._states.items()}

    def view(self, now_ms: Callable[[], int]) -> TailView:
        """The present moment; shared until the next write where nothing expires, and then `now_ms` is not asked."""
        if self._view is None:
            alive = np.frombuffer(bytes(self._alive), dtype=np.bool_)
            self._view = TailView(
                chunks=[(chunk.vectors[: chunk.used], chunk.norms[: chunk.used]) for chunk in self._chunks],
                ids=self._ids,
                states=self._row_states,
                alive=alive,
                alive_count=int(np.count_nonzero(alive)),
            )
        return self._unexpired(self._view, now_ms()) if self._moments else self._view

    def fields(self) -> MemoryFields:
        """The inverted index of all rows so far, brought up to date."""
        for state in self._row_states[self._fields_upto :]:
            self._fields.append(state.visible_metadata())
        self._fields_upto = len(self._row_states)
        return self._fields

    def inverted(self) -> MemoryInverted:
        """The inverted index of all rows so far, brought up to date when it is asked."""
        if self._inverted is None:
            # Imported only where a namespace has text.
            from quartzdb.storage.index.text.memory_inverted import MemoryInverted

            self._inverted = MemoryInverted(self._text, self._sparse)
        for state in self._row_states[self._inverted.rows :]:
            self._inverted.append(state.visible_metadata())
        return self._inverted

    def _apply_one(self, change: Change, located: Located | None) -> None:
        known = self._states.get(change.id)
        before, row = known if known else (located.state if located else UNKNOWN, None)
        after = apply(before, change)
        if after is before:
            return
        if row is not None:
            self._alive[row] = 0
        if known is None and located is not None and located.row is not None:
            self.superseded.setdefault(located.segment, []).append(located.row)
        self._states[change.id] = self._store(change.id, after) if after.live else (after, None)

    def _store(self, record_id: str, state: RecordState) -> tuple[RecordState, int]:
        if not self._chunks or self._chunks[-1].used == len(self._chunks[-1].vectors):
            if self._chunks:
                self._measure(self._chunks[-1])
            rows = min(_CHUNK_ROWS_MAX, max(_CHUNK_ROWS_MIN, len(self._ids)))
            self._chunks.append(
                _Chunk(
                    np.empty((rows, self._dimension), dtype=np.float32),
                    np.empty(rows, dtype=np.float32),
                )
            )
        chunk = self._chunks[-1]
        slot = chunk.vectors[chunk.used]
        slot[:] = state.vector
        chunk.used += 1
        # The state's vector now points into the chunk, so that the log entry's bytes can be freed.
        kept = RecordState(state.base, slot, state.metadata, state.patches)
        moment = kept.expires_at_ms
        if moment is not None:
            self._expiring_rows.append(len(self._ids))
            self._moments.append(moment)
        self._ids.append(record_id)
        self._row_states.append(kept)
        self._alive.append(1)
        return kept, len(self._ids) - 1

    def _unexpired(self, view: TailView, now_ms: int) -> TailView:
        rows, moments = np.array(self._expiring_rows, np.int64), np.array(self._moments, np.int64)
        still = view.alive[rows]
        rows, moments = rows[still], moments[still]
        expired = moments <= now_ms
        ahead = moments[~expired]
        following = int(ahead.min()) if ahead.size else None
        if ahead.size == moments.size:
            return replace(view, expires_from_ms=following)
        alive = view.alive.copy()
        alive[rows[expired]] = False
        count = view.alive_count - int(np.count_nonzero(expired))
        return replace(view, alive=alive, alive_count=count, expires_from_ms=following)

    @staticmethod
    def _measure(chunk: _Chunk) -> None:
        """The norms of rows that came since the last time: of one by one they would cost more than the rows."""
        new = slice(chunk.measured, chunk.used)
        if chunk.measured < chunk.used:
            chunk.norms[new] = norms_of(chunk.vectors[new])
            chunk.measured = chunk.used
