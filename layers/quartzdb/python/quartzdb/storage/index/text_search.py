"""Answering a text query over a view, in two steps: what its scores depend on, summed over shards; then the best.

Statistics and ranking read the same lists, so what the first step brought from elsewhere the second one has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np

from quartzdb.domain.answer_budget import AnswerBudget
from quartzdb.domain.deadline import check_deadline
from quartzdb.domain.filter import Filter
from quartzdb.domain.text_query import TextQuery
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Mask
from quartzdb.storage.index.executor import all_of
from quartzdb.storage.index.hits import Hits, Shown, best_hits, matches_of
from quartzdb.storage.index.query import Found, SearchWork
from quartzdb.storage.index.text.evaluation import Admitted, Evaluated, evaluate
from quartzdb.storage.index.text.inverted import Inverted, Wanted
from quartzdb.storage.index.text.leaves import analysed
from quartzdb.storage.index.text.scoring import scoring_of
from quartzdb.storage.index.text.text_statistics import TextStatistics, statistics_of
from quartzdb.storage.index.view import Part, View

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, eq=False)
class RankedHits:
    """The best rows of each segment and of the tail that have any, each best first, and what it took to find them."""

    hits: Sequence[Hits]
    work: SearchWork


def statistics(view: View, query: TextQuery) -> TextStatistics:
    """What the scores of a query depend on beside the record, of the live records of one view.

    Raises InvalidArgument, DeadlineExceeded.
    """
    asked = analysed(query, view.text)
    bring(view, [wanted for leaf in asked.leaves() for wanted in leaf.wanted()])
    found = TextStatistics()
    for number in range(len(view.parts) + 1):
        found += read_source(view, number, partial(statistics_of, asked=asked)) or TextStatistics()
    return found


def rank_text(
    view: View, query: TextQuery, statistics: TextStatistics, top_k: int | None, condition: Filter | None
) -> RankedHits:
    """The `top_k` best rows of each source that match and that the filter accepts; None: all that match.

    `statistics` are those of the whole namespace. Raises InvalidArgument, DeadlineExceeded.
    """
    asked = analysed(query, view.text)
    if asked.impossible:
        return RankedHits((), SearchWork(True, len(view.parts), 0, 0, 0))
    scoring = scoring_of(asked, statistics)

    def best(inverted: Inverted, allowed: Admitted) -> Evaluated:
        return evaluate(inverted, asked, scoring, allowed, top_k)

    return ranked(view, top_k, condition, best)


def search_text(
    view: View,
    query: TextQuery,
    statistics: TextStatistics,
    top_k: int,
    condition: Filter | None,
    *,
    with_vectors: bool = False,
    with_metadata: bool = True,
    budget: AnswerBudget | None = None,
) -> Found:
    """The `top_k` best live records that match and that the filter accepts.

    Raises as `rank_text`, and AnswerTooLarge.
    """
    found = rank_text(view, query, statistics, top_k, condition)
    shown = Shown(with_vectors, with_metadata, budget)
    return Found(matches_of(view, found.hits, top_k, shown, by_vector=False), found.work)


def ranked(
    view: View,
    top_k: int | None,
    condition: Filter | None,
    best: Callable[[Inverted, Admitted], Evaluated],
) -> RankedHits:
    """The best rows of each source, as `best` finds them among those that the filter accepts."""
    hits: list[Hits] = []
    scored = of_tail = 0
    for number in range(len(view.parts) + 1):
        check_deadline()
        allowed = _allowed(view, number, condition)
        if allowed is None:
            continue
        found = read_source(view, number, partial(_best, best=best, allowed=allowed))
        if found is None or not found.rows.size:
            continue
        scored += found.rows.size
        of_tail = found.rows.size if number == len(view.parts) else 0
        hits.append(best_hits(number, found.rows, found.scores, found.rows.size if top_k is None else top_k))
    return RankedHits(hits, SearchWork(_all_indexed(view), len(view.parts), scored, of_tail, scored))


def _all_indexed(view: View) -> bool:
    """Whether nothing can be missed: a segment that is older than what is declared has no index of it yet."""
    return all(not part.alive_count or part.segment.has_inverted for part in view.parts)


def _best(
    inverted: Inverted,
    alive: Mask | None,
    *,
    best: Callable[[Inverted, Admitted], Evaluated],
    allowed: Admitted,
) -> Evaluated:
    del alive  # nothing that is dead is allowed
    return best(inverted, allowed)


def bring(view: View, wanted: Sequence[Wanted]) -> None:
    """Have all segments fetch what is not here, side by side."""
    opened = [part.segment for part in view.parts if part.alive_count]
    if opened:
        all_of(opened[0].execute, *(partial(_bring, part, wanted) for part in view.parts if part.alive_count))


def read_source(view: View, source: int, read: Callable[[Inverted, Mask | None], Answer]) -> Answer | None:
    """What is made of the inverted index of a segment or, after the last, of the tail, and of which of its rows are
    alive (None: all); None where there is nothing.
    """
    if source < len(view.parts):
        part = view.parts[source]
        inverted = part.segment.inverted if part.alive_count else None
        if inverted is None:
            return None
        return read(inverted, None if part.alive_count == inverted.rows else part.alive)
    if view.read_tail_inverted is None or not view.tail.alive_count:
        return None
    return view.read_tail_inverted(lambda inverted: read(inverted, _padded(view.tail.alive, inverted.rows)))


def _bring(part: Part, wanted: Sequence[Wanted]) -> None:
    inverted = part.segment.inverted
    if inverted is not None:
        inverted.expect(wanted)


def _allowed(view: View, source: int, condition: Filter | None) -> Admitted | None:
    """The rows of a source that are alive and that the filter accepts; None where there are none."""
    if source == len(view.parts):
        mask = view.tail_matching(condition)
        return Admitted(rows=np.flatnonzero(mask)) if mask.any() else None
    part = view.parts[source]
    if not part.alive_count:
        return None
    if condition is None:
        return Admitted(mask=None if part.alive_count == len(part.alive) else part.alive)
    selection = part.selected(condition)
    return Admitted(selection.rows, selection.mask) if selection.matches else None


def _padded(alive: Mask, rows: int) -> Mask:
    """The tail's index may have grown since the view was taken; what came since is none of it."""
    if len(alive) == rows:
        return alive
    padded = np.zeros(rows, dtype=np.bool_)
    padded[: len(alive)] = alive
    return padded
