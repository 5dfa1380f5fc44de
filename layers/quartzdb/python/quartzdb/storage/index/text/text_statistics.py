"""Statistics: what the scores of a text query depend on beside the record itself. Exact, of live records only.

Those of segments, of the tail and of shards add up, so a record's score does not depend on where it lies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TypeVar

import numpy as np

from quartzdb.domain.deadline import check_deadline
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Mask
from quartzdb.storage.index.text.inverted import Inverted
from quartzdb.storage.index.text.inverted_file import InvertedFile
from quartzdb.storage.index.text.leaves import AnalysedQuery, Leaf
from quartzdb.storage.index.text.merged import merged

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class TextStatistics:
    """`records` have a text in any field that is searched, in all of `lengths` words by field; `frequencies` of them
    have each word. Added up by `+`.
    """

    records: int = 0
    lengths: Mapping[str, int] = field(default_factory=dict)
    frequencies: Mapping[Leaf, int] = field(default_factory=dict)

    def __add__(self, other: TextStatistics) -> TextStatistics:
        return TextStatistics(
            self.records + other.records,
            _added(self.lengths, other.lengths),
            _added(self.frequencies, other.frequencies),
        )


def statistics_of(inverted: Inverted, alive: Mask | None, asked: AnalysedQuery) -> TextStatistics:
    """Those of some rows, of which `alive` are live; None: all of them. Raises DeadlineExceeded."""
    if asked.impossible:
        return TextStatistics()
    names = tuple(asked.weights)
    records, lengths = _live_totals(inverted, names, alive)
    frequencies: dict[Leaf, int] = {}
    for leaf in asked.scored:
        for word in leaf.words():
            if word not in frequencies:
                check_deadline()
                frequencies[word] = _documents(inverted, word, asked.weights, alive)
    return TextStatistics(records, dict(zip(names, lengths, strict=True)), frequencies)


def _documents(inverted: Inverted, word: Leaf, weights: Mapping[str, float], alive: Mask | None) -> int:
    (name, ((_, stem), *_)), *others = word.forms
    if alive is None and not others and not stem.prefix:
        return inverted.documents(name, stem.text)
    rows = merged(inverted, word, weights).rows
    return int(rows.size if alive is None else np.count_nonzero(alive[rows]))


def _live_totals(
    inverted: Inverted, names: tuple[str, ...], alive: Mask | None
) -> tuple[int, tuple[int, ...]]:
    if alive is None and len(names) == 1:
        records, length = inverted.totals(names[0])
        return records, (length,)
    if not isinstance(inverted, InvertedFile):
        return _counted(inverted, names, alive)
    known = inverted.live_totals.get(names)
    # Which rows are alive is another array whenever it changes.
    if known is None or known[0] is not alive:
        known = inverted.live_totals[names] = alive, _counted(inverted, names, alive)
    return known[1]


def _counted(inverted: Inverted, names: tuple[str, ...], alive: Mask | None) -> tuple[int, tuple[int, ...]]:
    there = np.zeros(inverted.rows, dtype=np.bool_)
    totals = []
    for name in names:
        lengths = inverted.lengths(name)
        there |= lengths > 0
        totals.append(int(lengths.sum(dtype=np.int64, where=True if alive is None else alive)))
    return int(np.count_nonzero(there if alive is None else there & alive)), tuple(totals)


def _added(left: Mapping[Key, int], right: Mapping[Key, int]) -> dict[Key, int]:
    return {key: left.get(key, 0) + right.get(key, 0) for key in (*left, *right)}
