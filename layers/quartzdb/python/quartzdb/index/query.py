"""Answering a query over a view: candidates from each segment, rescored exactly, merged with the tail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quartzdb.domain.filter import Filter
from quartzdb.domain.record import Match
from quartzdb.domain.vector import Floats, Rows, Vector
from quartzdb.index.planner import plan
from quartzdb.index.records import StoredRecord, decode_metadata
from quartzdb.index.scoring import scored
from quartzdb.index.view import View, version_of


@dataclass(frozen=True, slots=True)
class Effort:
    """What a query touched. `exact`: every matching record was scored, so nothing better can have been missed."""

    exact: bool
    segments: int
    rows_scored: int
    tail_rows: int
    matches: int


@dataclass(frozen=True, slots=True)
class Found:
    """A query's answer, best first, and what it took."""

    matches: Sequence[Match]
    effort: Effort


@dataclass(frozen=True, slots=True, eq=False)
class _Hits:
    """Some best rows of one source: a segment's number, or the number after the last for the tail."""

    source: int
    rows: Rows
    scores: Floats


def search(
    view: View,
    query: Vector,
    top_k: int,
    condition: Filter | None,
    *,
    with_vectors: bool,
    recall: float | None = None,
) -> Found:
    """The `top_k` best live records that the filter accepts; `recall` is what share of them must be found."""
    hits: list[_Hits] = []
    exact, rows_scored, matched = True, 0, 0
    for number, part in enumerate(view.parts):
        chosen = plan(part, condition, top_k)
        matched += chosen.matches
        if not chosen.matches:
            continue
        found = scored(chosen, view.metric, query, top_k, recall)
        exact = exact and found.exact
        rows_scored += len(found.rows)
        hits.append(_best(number, found.rows, found.scores, top_k))
    tail_rows = np.flatnonzero(view.tail_matching(condition))
    if tail_rows.size:
        hits.append(_best(len(view.parts), tail_rows, view.tail.scores(view.metric, query)[tail_rows], top_k))
    effort = Effort(
        exact,
        len(view.parts),
        rows_scored + tail_rows.size,
        int(tail_rows.size),
        matched + int(tail_rows.size),
    )
    return Found(_matches(view, hits, top_k, with_vectors), effort)


def _best(source: int, rows: Rows, scores: Floats, top_k: int) -> _Hits:
    if len(rows) > top_k:
        kept = np.argpartition(-scores, top_k - 1)[:top_k]
        rows, scores = rows[kept], scores[kept]
    return _Hits(source, rows, scores)


def _matches(view: View, hits: Sequence[_Hits], top_k: int, with_vectors: bool) -> list[Match]:
    if not hits:
        return []
    scores = np.concatenate([hit.scores for hit in hits])
    rows = np.concatenate([hit.rows for hit in hits])
    sources = np.repeat([hit.source for hit in hits], [len(hit.rows) for hit in hits])
    order = np.argsort(-scores, kind="stable")[:top_k]
    distances = view.metric.distances(scores[order])
    ranked = zip(sources[order].tolist(), rows[order].tolist(), strict=True)
    places = list(zip(ranked, scores[order].tolist(), distances.tolist(), strict=True))
    wanted = _by_segment(view, [place for place, _, _ in places])
    stored = {source: view.parts[source].segment.records.at_rows(rows) for source, rows in wanted.items()}
    vectors = (
        {source: view.parts[source].vectors_of(rows) for source, rows in wanted.items()}
        if with_vectors
        else {}
    )
    found = [
        _tail_match(view, row, (score, distance), with_vectors)
        if source == len(view.parts)
        else _match(stored[source][row], (score, distance), vectors[source][row] if with_vectors else None)
        for (source, row), score, distance in places
    ]
    # Equal scores come in id order. Which of several equals make the cut at top_k is left open.
    found.sort(key=lambda match: (-match.score, match.id))
    return found


def _by_segment(view: View, places: Sequence[tuple[int, int]]) -> dict[int, list[int]]:
    """The rows of those places that lie in segments, so that each segment is asked once."""
    wanted: dict[int, list[int]] = {}
    for source, row in places:
        if source < len(view.parts):
            wanted.setdefault(source, []).append(row)
    return wanted


def _tail_match(view: View, row: int, scored: tuple[float, float], with_vectors: bool) -> Match:
    record = view.tail_record(row)
    return Match(record.id, *scored, record.version, record.vector if with_vectors else None, record.metadata)


def _match(kept: StoredRecord, scored: tuple[float, float], vector: Vector | None) -> Match:
    return Match(kept.id, *scored, version_of(kept), vector, decode_metadata(kept.metadata))
