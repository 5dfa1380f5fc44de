"""Which row has which word where, as it comes row after row, and as it is put in the order of words at the end.

Occurrences are ordered some words at a time, so memory is bounded whatever the texts are.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from quartzdb.domain.text_fields import TextField
from quartzdb.storage.index.text.analysis import Analyser
from quartzdb.storage.index.text.field_values import sparse_key, sparse_of, texts_of
from quartzdb.storage.index.text.gaps import Numbers
from quartzdb.storage.index.text.inverted_head import FieldHead
from quartzdb.storage.index.text.postings import encode_weights, encode_words
from quartzdb.storage.index.text.sections import Sections
from quartzdb.storage.index.text.spool import Spool

_TOGETHER = 1 << 20
"""Occurrences that are put in order together: some 100 MB."""
_KNOWN_WORDS_MAX = 1 << 19


class _Numbers(dict[str, int]):
    """The number of each word's stem, by the word as it is written; 0 for words that are left out."""

    def __init__(self, stems: Mapping[str, str]) -> None:
        super().__init__()
        self._stems = stems
        self.of_stem: dict[str, int] = {"": 0}

    def __missing__(self, word: str) -> int:
        if len(self) >= _KNOWN_WORDS_MAX:
            self.clear()
        number = self[word] = self.of_stem.setdefault(self._stems[word], len(self.of_stem))
        return number


class TextOccurrences:
    """The words of one field: their numbers, text after text, and how many each row has."""

    def __init__(self, workspace: Path, name: str, field: TextField) -> None:
        self._name = name
        self._field = field
        self._analyser = Analyser(field)
        self._numbers = _Numbers(self._analyser.stems)
        self._words = Spool(workspace / f"words-{len(name)}-{name.encode().hex()[:64]}", "I")
        self._counts = array("I")

    def add(self, metadata: Mapping[str, Any]) -> None:
        """What the next row has."""
        count = 0
        number = self._numbers
        for text in texts_of(metadata, self._name):
            if count:
                self._words.extend((0,))  # no phrase goes from one text to the next
                count += 1
            found = [number[word] for word in self._analyser.words(text)]
            self._words.extend(found)
            count += len(found)
        self._counts.append(count)

    def close(self) -> None:
        """Let go of the files."""
        self._words.close()

    def written(self, sections: Sections) -> FieldHead:
        """Write all of it; places are those in each section."""
        in_order = sorted(self._numbers.of_stem)
        ranks = np.empty(len(in_order), dtype=np.int64)
        ranks[[self._numbers.of_stem[word] for word in in_order]] = np.arange(len(in_order))
        numbers = self._words.numbers()
        starts = np.cumsum(np.concatenate([[0], np.array(self._counts, dtype=np.int64)]))
        words = sections.dictionary()
        rows = len(self._counts)
        of_row = np.zeros(rows, dtype=np.int64)
        often = _counted(numbers, ranks)
        for low, high in _shares(often):
            parts = [
                _some_words(ranks[numbers[a:b]], a, max(low, 1), high) for a, b in _stretches(len(numbers))
            ]
            word = np.concatenate([one for one, _ in parts] or [np.empty(0, np.int64)])
            at = np.concatenate([one for _, one in parts] or [np.empty(0, np.int64)])
            if not word.size:
                continue
            order = _order(word)
            word, at = word[order], at[order]
            row = np.searchsorted(starts, at, side="right") - 1
            of_row += np.bincount(row, minlength=rows)
            words.append(_there(in_order, word), encode_words(word, row, at - starts[row]))
        kept = of_row[of_row > 0]
        width = 1 if not kept.size or kept.max() < 1 << 8 else 2 if kept.max() < 1 << 16 else 4
        return FieldHead(
            self._name,
            asdict(self._field),
            int(kept.size),
            int(kept.sum()),
            int(kept.min()) if kept.size else 0,
            sections.lengths.append(of_row.astype(f"<u{width}").tobytes()),
            width,
            words.firsts,
            words.placed,
        )


class SparseOccurrences:
    """The numbers of one field's sparse vectors."""

    def __init__(self, workspace: Path, name: str) -> None:
        self._name = name
        label = f"{len(name)}-{name.encode().hex()[:64]}"
        self._indices = Spool(workspace / f"indices-{label}", "I")
        self._values = Spool(workspace / f"values-{label}", "f")
        self._counts = array("I")

    def add(self, metadata: Mapping[str, Any]) -> None:
        """What the next row has."""
        indices, values = sparse_of(metadata, self._name)
        self._indices.extend(indices)
        self._values.extend(values)
        self._counts.append(len(indices))

    def close(self) -> None:
        """Let go of the files."""
        self._indices.close()
        self._values.close()

    def written(self, sections: Sections) -> FieldHead:
        """Write all of it; places are those in each section."""
        indices, values = self._indices.numbers(), self._values.numbers()
        counts = np.array(self._counts, dtype=np.int64)
        starts = np.cumsum(np.concatenate([[0], counts]))
        words = sections.dictionary()
        there = np.unique(indices) if len(indices) else np.empty(0, np.uint32)
        for low, high in _shares(_counted_of(indices, there)):
            least, greatest = int(there[low]), int(there[high - 1])
            parts = [
                _some_words(indices[a:b].astype(np.int64), a, least, greatest + 1)
                for a, b in _stretches(len(indices))
            ]
            index = np.concatenate([one for one, _ in parts])
            at = np.concatenate([one for _, one in parts])
            order = _order(index - least)
            index, at = index[order], at[order]
            row = np.searchsorted(starts, at, side="right") - 1
            names = [sparse_key(one) for one in there[low:high].tolist()]
            words.append(names, encode_weights(index, row, np.asarray(values[at], dtype=np.float32)))
        there_rows = counts[counts > 0]
        return FieldHead(
            self._name,
            None,
            int(there_rows.size),
            int(there_rows.sum()),
            int(there_rows.min()) if there_rows.size else 0,
            sections.lengths.append(np.minimum(counts, 0xFFFF).astype("<u2").tobytes()),
            2,
            words.firsts,
            words.placed,
        )


def _stretches(count: int) -> Iterator[tuple[int, int]]:
    for start in range(0, count, _TOGETHER):
        yield start, min(start + _TOGETHER, count)


def _counted(numbers: Any, ranks: Numbers) -> Numbers:
    """How often each word is there, by its rank; never mind the first, which stands for what is left out."""
    often = np.zeros(len(ranks), dtype=np.int64)
    for start, end in _stretches(len(numbers)):
        often += np.bincount(ranks[numbers[start:end]], minlength=len(ranks))
    often[0] = 0
    return often


def _counted_of(indices: Any, there: Any) -> Numbers:
    often = np.zeros(len(there), dtype=np.int64)
    for start, end in _stretches(len(indices)):
        often += np.bincount(np.searchsorted(there, indices[start:end]), minlength=len(there))
    return often


def _shares(often: Numbers) -> Iterator[tuple[int, int]]:
    """Ranges of words that are there about _TOGETHER times together, or once of a word that is so alone."""
    before = np.cumsum(often)
    low = 0
    while low < len(often):
        done = int(before[low - 1]) if low else 0
        high = max(low + 1, int(np.searchsorted(before, done + _TOGETHER, side="right")))
        if before[high - 1] > done:
            yield low, high
        low = high


def _some_words(words: Numbers, start: int, low: int, high: int) -> tuple[Numbers, Numbers]:
    """Those from `low` up to `high` but for 0, which stands for none, and where they are."""
    at = np.flatnonzero((words >= low) & (words < high))
    return words[at], at + start


def _order(words: Numbers) -> Numbers:
    """The order by word, equals as they come. One sort of plain numbers takes a fifth of a stable one by keys."""
    packed = (words.astype(np.uint64) << np.uint64(32)) | np.arange(len(words), dtype=np.uint64)
    packed.sort()
    order: Numbers = (packed & np.uint64(0xFFFFFFFF)).astype(np.int64)
    return order


def _there(in_order: Sequence[str], words: Numbers) -> list[str]:
    return [in_order[rank] for rank in words[np.flatnonzero(np.diff(words, prepend=-1))].tolist()]
