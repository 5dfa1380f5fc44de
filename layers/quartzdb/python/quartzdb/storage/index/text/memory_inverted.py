"""The inverted index of the tail: grows by one row at a time and catches up with what was appended when it is asked.

Not safe to use from several threads: the caller holds a lock around every call. Arrays that it gives are copies.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from quartzdb.domain.text_fields import TextField
from quartzdb.storage.index.text.analysis import Analyser
from quartzdb.storage.index.text.field_values import sparse_key, sparse_of, texts_of
from quartzdb.storage.index.text.gaps import Numbers
from quartzdb.storage.index.text.inverted import Lengths, Wanted
from quartzdb.storage.index.text.postings import Postings


class _Word:
    """Its rows, how often or how much each has it, and its places."""

    __slots__ = ("counts", "places", "rows")

    def __init__(self) -> None:
        self.rows = array("i")
        self.counts = array("f")
        self.places = array("I")


class _GrowingField:
    def __init__(self) -> None:
        self.words: dict[str, _Word] = {}
        self.lengths = array("I")

    def add(self, row: int, count: int) -> None:
        """The next row that has anything, and how many words it has."""
        self.lengths.extend([0] * (row - len(self.lengths)))
        self.lengths.append(count)

    def word(self, word: str) -> _Word:
        found = self.words.get(word)
        if found is None:
            found = self.words[word] = _Word()
        return found


class MemoryInverted:
    """An Inverted over the rows appended so far."""

    def __init__(self, text: Mapping[str, TextField], sparse: Sequence[str]) -> None:
        self._analysers = {name: Analyser(field) for name, field in text.items()}
        self._sparse = sparse
        self._fields = {name: _GrowingField() for name in (*text, *sparse)}
        self._pending: list[tuple[int, Mapping[str, Any]]] = []
        self._rows = 0

    @property
    def rows(self) -> int:
        """Rows appended."""
        return self._rows

    def append(self, metadata: Mapping[str, Any]) -> None:
        """Add the next row. Nothing is indexed yet, so this costs next to nothing; the mapping must not change."""
        if metadata:
            self._pending.append((self._rows, metadata))
        self._rows += 1

    def expect(self, wanted: Iterable[Wanted]) -> None:
        del wanted  # everything is here

    def lengths(self, field: str) -> Lengths:
        one = self._field(field)
        lengths = np.zeros(self._rows, dtype=np.uint32)
        if one is not None:
            lengths[: len(one.lengths)] = one.lengths
        return lengths

    def shortest(self, field: str) -> int:
        lengths = self.lengths(field)
        there = lengths[lengths > 0]
        return int(there.min()) if there.size else 1

    def totals(self, field: str) -> tuple[int, int]:
        lengths = self.lengths(field)
        return int(np.count_nonzero(lengths)), int(lengths.sum(dtype=np.int64))

    def documents(self, field: str, word: str) -> int:
        found = self._word(field, word)
        return len(found.rows) if found is not None else 0

    def postings(self, field: str, word: str) -> Postings | None:
        found = self._word(field, word)
        if found is None:
            return None
        return Postings.of(np.array(found.rows, dtype=np.int32), np.array(found.counts, dtype=np.float32))

    def places(self, field: str, word: str) -> Numbers:
        found = self._word(field, word)
        return np.array(found.places if found is not None else (), dtype=np.int64)

    def words_from(self, field: str, prefix: str, limit: int) -> Sequence[str]:
        one = self._field(field)
        if one is None:
            return []
        # Few words are in a tail: looking at each costs less than sorting them anew after every write.
        return sorted(word for word in one.words if word.startswith(prefix))[:limit]

    def _field(self, field: str) -> _GrowingField | None:
        self._catch_up()
        return self._fields.get(field)

    def _word(self, field: str, word: str) -> _Word | None:
        one = self._field(field)
        return one.words.get(word) if one is not None else None

    def _catch_up(self) -> None:
        for row, metadata in self._pending:
            for name, analyser in self._analysers.items():
                self._add_text(self._fields[name], row, analyser, texts_of(metadata, name))
            for name in self._sparse:
                self._add_sparse(self._fields[name], row, *sparse_of(metadata, name))
        self._pending.clear()

    @staticmethod
    def _add_text(field: _GrowingField, row: int, analyser: Analyser, texts: Sequence[str]) -> None:
        at: dict[str, list[int]] = {}
        first = kept = 0
        for text in texts:
            first += bool(first)  # no phrase goes from one text to the next
            words = analyser.words(text)
            for place, word in enumerate(words, first):
                stem = analyser.stems[word]
                if stem:
                    at.setdefault(stem, []).append(place)
                    kept += 1
            first += len(words)
        if not kept:
            return
        field.add(row, kept)
        for stem, places in at.items():
            word_ = field.word(stem)
            word_.rows.append(row)
            word_.counts.append(len(places))
            word_.places.extend(places)

    @staticmethod
    def _add_sparse(field: _GrowingField, row: int, indices: Sequence[int], values: Sequence[float]) -> None:
        if indices:
            field.add(row, len(indices))
        for index, value in zip(indices, values, strict=True):
            word = field.word(sparse_key(index))
            word.rows.append(row)
            word.counts.append(value)
