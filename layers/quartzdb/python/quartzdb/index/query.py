"""Answering a query over a view: candidates from each segment, rescored exactly, merged with the tail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quartzdb.domain.filter import Filter
from quartzdb.domain.record import Match, Record
from quartzdb.domain.vector import Floats, Rows, Vector
from quartzdb.index.planner import plan
from quartzdb.index.view import View


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


def search(view: View, query: Vector, top_k: int, condition: Filter | None, *, with_vectors: bool) -> Found:
    """The `top_k` best live records that the filter accepts."""
    hits: list[_Hits] = []
    exact, rows_scored, matched = True, 0, 0
    for number, part in enumerate(view.parts):
        chosen = plan(part, condition, top_k)
        matched += chosen.matches
        if not chosen.matches:
            continue
        rows = chosen.rows
        if rows is None:
            rows = part.segment.index.candidates(query, top_k, chosen.allowed)
            exact = exact and len(rows) >= chosen.matches
        rows_scored += len(rows)
        scores = view.metric.scores(part.segment.vectors[rows], part.segment.norms[rows], query)
        hits.append(_best(number, rows, scores, top_k))
    tail_rows = np.flatnonzero(view.tail_matching(condition))
    if tail_rows.size:
        hits.append(_best(len(view.parts), tail_rows, view.tail.scores(view.metric, query)[tail_rows], top_k))
    effort = Effort(
        exact, len(view.parts), rows_scored + tail_rows.size, int(tail_rows.size), matched + int(tail_rows.size)
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
    records = _records(view, sources[order], rows[order])
    distances = view.metric.distances(scores[order])
    found = [
        Match(
            record.id,
            float(score),
            float(distance),
            record.version,
            record.vector if with_vectors else None,
            record.metadata,
        )
        for record, score, distance in zip(records, scores[order], distances, strict=True)
    ]
    # Equal scores come in id order, so that the same question has the same answer wherever the records lie.
    found.sort(key=lambda match: (-match.score, match.id))
    return found


def _records(view: View, sources: Rows, rows: Rows) -> list[Record]:
    wanted: dict[int, list[int]] = {}
    for source, row in zip(sources.tolist(), rows.tolist(), strict=True):
        wanted.setdefault(source, []).append(row)
    by_source = {
        source: {row: view.tail_record(row) for row in some}
        if source == len(view.parts)
        else view.parts[source].records(some)
        for source, some in wanted.items()
    }
    return [by_source[source][row] for source, row in zip(sources.tolist(), rows.tolist(), strict=True)]
