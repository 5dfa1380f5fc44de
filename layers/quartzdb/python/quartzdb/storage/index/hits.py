"""Hits: the best rows of a view's segments and tail, merged, and turned into matches with ids, versions and metadata.

A query spends its last microseconds here: each segment is asked once, for the rows that are in the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from quartzdb.domain.answer_budget import AnswerBudget
from quartzdb.domain.expiry import EXPIRY_FIELD, split_expiry
from quartzdb.domain.record import Match, ShownMetadata, ShownRecord
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Floats, Rows, Vector
from quartzdb.storage.index.segments.records import decode_metadata
from quartzdb.storage.index.segments.stored_record import StoredRecord
from quartzdb.storage.index.view import Part, View, latest_version

_SORTED_WHOLE_MAX = 512
"""Up to so many scores, sorting them all is as fast as selecting the best and sorting those."""
_NO_METADATA = b"{}"
"""What is shown of a record that was stored without any."""
_EXPIRY_IN_JSON = f'"{EXPIRY_FIELD}":'.encode()
"""Without these bytes in it, stored metadata has no moment of expiry: nothing in the name is ever escaped."""


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """Some best rows of one source: a segment's number, or the number after the last for the tail."""

    source: int
    rows: Rows
    scores: Floats


@dataclass(frozen=True, slots=True)
class Shown:
    """What of each match is read for the answer, and the budget that its metadata is taken from."""

    vectors: bool
    metadata: bool = True
    budget: AnswerBudget | None = None


def best_hits(source: int, rows: Rows, scores: Floats, top_k: int) -> Hits:
    """The `top_k` best of some rows, best first."""
    order = -scores
    if order.size > max(_SORTED_WHOLE_MAX, top_k):
        kept = order.argpartition(top_k - 1)[:top_k]
        kept = kept[order[kept].argsort(kind="stable")]
    else:
        kept = order.argsort(kind="stable")[:top_k]
    return Hits(source, rows[kept], scores[kept])


def matches_of(
    view: View, hits: Sequence[Hits], top_k: int, shown: Shown, *, by_vector: bool = True
) -> list[Match]:
    """The `top_k` best of all hits as matches, best first. Raises AnswerTooLarge.

    `by_vector`: scores are those of the metric, and so are distances; others have a distance that is their negative.
    """
    if not hits:
        return []
    if len(hits) == 1 and hits[0].source < len(view.parts) and not shown.vectors:
        part = view.parts[hits[0].source]
        if part.segment.expires_from_ms is None:
            return _plain_matches(view, part, hits[0], shown, by_vector=by_vector)
    sources, merged = _merged(hits, top_k)
    rows, scores = merged.rows.tolist(), merged.scores.tolist()
    distances = (view.metric.distances(merged.scores) if by_vector else -merged.scores).tolist()
    wanted: dict[int, list[int]] = {}
    for source, row in zip(sources, rows, strict=True):
        wanted.setdefault(source, []).append(row)
    records = {
        source: shown_of_tail(view, of_source, shown)
        if source == len(view.parts)
        else shown_of_segment(view.parts[source], of_source, shown)
        for source, of_source in wanted.items()
    }
    found = []
    for source, row, score, distance in zip(sources, rows, scores, distances, strict=True):
        record_id, version, vector, metadata, expires_at_ms = records[source][row]
        found.append(Match(record_id, score, distance, version, vector, metadata, expires_at_ms))
    if len(set(scores)) < len(scores):
        found.sort(key=_place)
    return found


def _plain_matches(view: View, part: Part, hits: Hits, shown: Shown, *, by_vector: bool) -> list[Match]:
    """The same of one segment without expiring rows, and without vectors: most of what is ever asked."""
    scores = hits.scores.tolist()
    distances = (view.metric.distances(hits.scores) if by_vector else -hits.scores).tolist()
    stored = part.segment.records.each_at(hits.rows.tolist())
    if shown.metadata:
        _take(shown, stored)
    new = tuple.__new__
    found = [
        # Not by the class's own constructor, which takes as long as the rest of the line.
        new(
            Match,
            (
                record_id,
                score,
                distance,
                version if patches is None else latest_version(version, patches),
                None,
                (metadata or _NO_METADATA) if shown.metadata else None,
                None,
                None,
            ),
        )
        for (_, record_id, version, metadata, patches), score, distance in zip(
            stored, scores, distances, strict=True
        )
    ]
    if len(set(scores)) < len(scores):
        found.sort(key=_place)
    return found


def _place(match: Match) -> tuple[float, str]:
    """Equal scores come in id order. Which of several equals make the cut at top_k is left open."""
    return -match.score, match.id


def _merged(hits: Sequence[Hits], top_k: int) -> tuple[Sequence[int], Hits]:
    """The best of all sources, best first, and the source of each."""
    if len(hits) == 1:
        return [hits[0].source] * len(hits[0].rows), hits[0]
    rows = np.concatenate([hit.rows for hit in hits])
    scores = np.concatenate([hit.scores for hit in hits])
    order = (-scores).argsort(kind="stable")[:top_k]
    sources = np.repeat([hit.source for hit in hits], [len(hit.rows) for hit in hits])[order]
    return sources.tolist(), Hits(-1, rows[order], scores[order])


def shown_of_segment(part: Part, rows: list[int], shown: Shown) -> dict[int, ShownRecord]:
    """What is shown of some rows of a segment, by row. Raises AnswerTooLarge."""
    vectors = part.vectors_of(rows) if shown.vectors else {}
    stored = part.segment.records.each_at(rows)
    if part.segment.expires_from_ms is not None:
        return _shown_expiring(stored, vectors, shown)
    if not shown.metadata:
        return {
            row: (record_id, latest_version(version, patches), vectors.get(row), None, None)
            for row, record_id, version, _, patches in stored
        }
    _take(shown, stored)
    return {
        row: (record_id, latest_version(version, patches), vectors.get(row), metadata or _NO_METADATA, None)
        for row, record_id, version, metadata, patches in stored
    }


def shown_of_tail(view: View, rows: list[int], shown: Shown) -> dict[int, ShownRecord]:
    """What is shown of some rows of the tail, by row."""
    # Nothing is taken from the budget: what the tail has is in memory already, and only referred to.
    records = {row: view.tail_record(row) for row in rows}
    return {
        row: (
            record.id,
            record.version,
            record.vector if shown.vectors else None,
            record.metadata if shown.metadata else None,
            record.expires_at_ms,
        )
        for row, record in records.items()
    }


def _shown_expiring(
    stored: Sequence[StoredRecord], vectors: Mapping[int, Vector], shown: Shown
) -> dict[int, ShownRecord]:
    """As `shown_of_segment`, of a segment in which some row expires: that stands in the metadata."""
    if shown.metadata:
        _take(shown, stored)
    found: dict[int, ShownRecord] = {}
    for row, record_id, version, encoded, patches in stored:
        metadata: ShownMetadata = encoded or _NO_METADATA
        expires_at_ms = None
        if encoded is not None and _EXPIRY_IN_JSON in encoded:
            decoded = decode_metadata(encoded)
            expires_at_ms = split_expiry(decoded)
            metadata = decoded
        latest = latest_version(version, patches)
        found[row] = (
            record_id,
            latest,
            vectors.get(row),
            metadata if shown.metadata else None,
            expires_at_ms,
        )
    return found


def _take(shown: Shown, stored: Sequence[StoredRecord]) -> None:
    if shown.budget is not None:
        # Before it is decoded, and counted twice, because as objects it takes several times as much.
        shown.budget.take(2 * sum([len(metadata) for _, _, _, metadata, _ in stored if metadata]))
