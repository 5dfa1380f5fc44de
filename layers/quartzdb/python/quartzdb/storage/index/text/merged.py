"""Which rows have a leaf, over all fields: how often, each field's count times its weight.

Several fields are searched as if they were one text: counts and lengths are added before they are scored, not scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.limits import PREFIX_WORDS_MAX
from quartzdb.domain.vector import Floats
from quartzdb.storage.index.text.gaps import Numbers
from quartzdb.storage.index.text.inverted import Inverted
from quartzdb.storage.index.text.inverted_file import InvertedFile
from quartzdb.storage.index.text.leaves import Leaf, Stem
from quartzdb.storage.index.text.postings import Postings

_DENSE_SHARE = 1 / 32
"""From this share of rows on, adding lists up in an array of all rows takes less time than sorting them together."""
_PLACE_BITS = 24
NOTHING = Postings.of(np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32))


def merged(inverted: Inverted, leaf: Leaf, weights: Mapping[str, float]) -> Postings:
    """The rows that have the leaf in any field. Remembered where the rows are a segment's."""
    if len(leaf.forms) == 1 and weights[leaf.forms[0][0]] == 1 and len(leaf.forms[0][1]) == 1:
        stem = leaf.forms[0][1][0][1]
        if not stem.prefix:
            return inverted.postings(leaf.forms[0][0], stem.text) or NOTHING
    if not isinstance(inverted, InvertedFile):
        return _merged(inverted, leaf, weights)
    key = ("merged", leaf, tuple(weights.items()))
    return inverted.cache.get(key, lambda: _merged(inverted, leaf, weights), lambda found: found.bytes)


def summed(lists: Sequence[tuple[Postings, float]], rows: int) -> Postings:
    """Lists as one: a row's counts, each times the weight of its list, added up."""
    lists = [(one, weight) for one, weight in lists if one.rows.size]
    if not lists:
        return NOTHING
    if len(lists) == 1:
        one, weight = lists[0]
        return one if weight == 1 else Postings.of(one.rows, one.counts * np.float32(weight))
    if sum(one.rows.size for one, _ in lists) > _DENSE_SHARE * rows:
        sums = np.zeros(rows, dtype=np.float32)
        there = np.zeros(rows, dtype=np.bool_)
        for one, weight in lists:
            sums[one.rows] += one.counts * np.float32(weight)
            there[one.rows] = True
        found = np.flatnonzero(there).astype(np.int32)
        return Postings.of(found, sums[found])
    all_rows = np.concatenate([one.rows for one, _ in lists])
    counts = np.concatenate([one.counts * np.float32(weight) for one, weight in lists])
    order = all_rows.argsort(kind="stable")
    all_rows, counts = all_rows[order], counts[order]
    firsts = np.flatnonzero(np.diff(all_rows, prepend=-1))
    return Postings.of(all_rows[firsts], np.add.reduceat(counts, firsts, dtype=np.float32))


def _merged(inverted: Inverted, leaf: Leaf, weights: Mapping[str, float]) -> Postings:
    lists = []
    for name, stems in leaf.forms:
        found = _single(inverted, name, stems[0][1]) if len(stems) == 1 else _phrase(inverted, name, stems)
        lists.append((found, weights[name]))
    return summed(lists, inverted.rows)


def _single(inverted: Inverted, field: str, stem: Stem) -> Postings:
    if not stem.prefix:
        return inverted.postings(field, stem.text) or NOTHING
    words = _expanded(inverted, field, stem)
    return summed([(inverted.postings(field, word) or NOTHING, 1.0) for word in words], inverted.rows)


def _expanded(inverted: Inverted, field: str, stem: Stem) -> Sequence[str]:
    words = inverted.words_from(field, stem.text, PREFIX_WORDS_MAX + 1)
    if len(words) > PREFIX_WORDS_MAX:
        raise InvalidArgument(
            f"More than {PREFIX_WORDS_MAX} words of {field!r} begin with {stem.text!r}.",
            field="query",
            hint="Give more of the word before the star.",
        )
    return words


def _phrase(inverted: Inverted, field: str, stems: Sequence[tuple[int, Stem]]) -> Postings:
    """How often the words stand so, by row. Where the rarest word is says where to look for the others."""
    lists = [(distance, stem, inverted.documents(field, stem.text)) for distance, stem in stems]
    if not stems_are_there(lists):
        return NOTHING
    lists.sort(key=lambda one: one[2])
    begins: Numbers | None = None
    for distance, stem, _ in lists:
        found = _begins(inverted, field, stem, distance)
        if begins is None:
            begins = found
            continue
        if not found.size:
            return NOTHING
        at = np.minimum(np.searchsorted(found, begins), found.size - 1)
        begins = begins[found[at] == begins]
        if not begins.size:
            return NOTHING
    assert begins is not None
    rows, counts = np.unique(begins >> _PLACE_BITS, return_counts=True)
    return Postings.of(rows.astype(np.int32), counts.astype(np.float32))


def stems_are_there(lists: Sequence[tuple[int, Stem, int]]) -> bool:
    """Whether each has a row at all; of what stands for several words nobody knows yet."""
    return all(stem.prefix or documents for _, stem, documents in lists)


def _begins(inverted: Inverted, field: str, stem: Stem, distance: int) -> Numbers:
    """Where a phrase would begin that has this word so far from its first: row and place in one number, ascending."""
    found: list[Numbers] = []
    for word in _expanded(inverted, field, stem) if stem.prefix else (stem.text,):
        postings = inverted.postings(field, word)
        if postings is None:
            continue
        rows = np.repeat(postings.rows.astype(np.int64), postings.counts.astype(np.int64))
        places = inverted.places(field, word) - distance
        found.append(((rows << _PLACE_BITS) + places)[places >= 0])
    if len(found) == 1:
        return found[0]
    begins: Numbers = np.sort(np.concatenate(found)) if found else np.empty(0, np.int64)
    return begins


def counts_at(postings: Postings, rows: Numbers, row_count: int) -> Floats:
    """How often each of some rows, ascending, has it (m,)."""
    if not postings.rows.size:
        return np.zeros(rows.size, dtype=np.float32)
    if rows.size > _DENSE_SHARE * row_count:
        dense = np.zeros(row_count, dtype=np.float32)
        dense[postings.rows] = postings.counts
        return dense[rows]
    at = np.searchsorted(postings.rows, rows.astype(np.int32))
    np.minimum(at, postings.rows.size - 1, out=at)
    counts: Floats = np.where(postings.rows[at] == rows, postings.counts[at], np.float32(0))
    return counts
