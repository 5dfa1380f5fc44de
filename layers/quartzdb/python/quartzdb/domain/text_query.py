"""What is asked of text, and of sparse vectors: clauses of words, phrases and prefixes, and in which fields.

Clauses are kept as they were written: which words they have depends on how each field is analysed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

import numpy as np

from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.limits import (
    SPARSE_ENTRIES_MAX,
    SPARSE_INDEX_MAX,
    TEXT_CLAUSES_MAX,
    TEXT_QUERY_CHARACTERS_MAX,
)
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Floats, Rows

WEIGHT_MAX = 1e6
_PARTS = re.compile(r'"([^"]*)"?|(\S+)')


@dataclass(frozen=True, slots=True)
class Words:
    """Words that count one by one."""

    text: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that stand one after another, in one text."""

    text: str


@dataclass(frozen=True, slots=True)
class WordPrefix:
    """Any word that begins so."""

    text: str


Clause = Words | Phrase | WordPrefix


def clauses_of(text: str) -> tuple[Clause, ...]:
    """The clauses of what somebody wrote: `plain words "a phrase" begin*`.

    A quotation mark that nothing closes is closed by the end. A star that nothing precedes is no prefix.
    """
    found: list[Clause] = []
    words: list[str] = []
    for quoted, plain in _PARTS.findall(text):
        if plain.endswith("*") and plain.strip("*"):
            found.append(WordPrefix(plain.rstrip("*")))
        elif plain:
            words.append(plain)
        elif quoted.strip():
            found.append(Phrase(quoted))
    return (*([Words(" ".join(words))] if words else []), *found)


@dataclass(frozen=True, slots=True)
class TextQuery:
    """A record matches if it has everything in `must`, nothing in `must_not` and, where nothing must be, any of `query`
    and `should`. Every clause but those of `must_not` adds to its score.

    `query` is read by `clauses_of`. Of words in `must` a record has to have each, of those in `must_not` none. `fields`
    are weights of the text fields that are searched, None: all of them alike. Raises InvalidArgument.
    """

    query: str = ""
    fields: Mapping[str, float] | None = None
    must: tuple[Clause, ...] = ()
    should: tuple[Clause, ...] = ()
    must_not: tuple[Clause, ...] = ()
    wanted: tuple[Clause, ...] = field(init=False, repr=False, compare=False)
    """What a record had better have."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "wanted", (*clauses_of(self.query), *self.should))
        every = (*self.wanted, *self.must, *self.must_not)
        if not any(clause.text.strip() for clause in (*self.wanted, *self.must)):
            raise InvalidArgument(
                "The query asks for no word.",
                field="query",
                hint='Give words in `query`, or clauses in `must` or `should`: {"query": "a few words"}.',
            )
        if len(every) > TEXT_CLAUSES_MAX:
            raise InvalidArgument(
                f"The query has {len(every)} clauses; at most {TEXT_CLAUSES_MAX} are accepted.", field="query"
            )
        characters = sum(len(clause.text) for clause in every)
        if characters > TEXT_QUERY_CHARACTERS_MAX:
            raise InvalidArgument(
                f"The query has {characters} characters; at most {TEXT_QUERY_CHARACTERS_MAX} are accepted.",
                field="query",
            )
        _check_weights(self.fields)


@dataclass(frozen=True, slots=True, eq=False)
class SparseQuery:
    """A sparse vector, and the field whose sparse vectors it is multiplied with.

    Indices (m,) are below 2**32, each there once; values (m,) are finite float32. See `sparse_query`.
    """

    field: str
    indices: Rows
    values: Floats


def sparse_query(field: str, indices: Sequence[int], values: Sequence[float]) -> SparseQuery:
    """The query of these numbers. Raises InvalidArgument."""
    if len(indices) != len(values):
        raise InvalidArgument(
            f"The sparse vector has {len(indices)} indices but {len(values)} values.", field="indices"
        )
    if not 0 < len(indices) <= SPARSE_ENTRIES_MAX:
        raise InvalidArgument(
            f"A sparse vector that is searched for has 1 to {SPARSE_ENTRIES_MAX} entries, not {len(indices)}.",
            field="indices",
        )
    for position, index in enumerate(indices):
        if type(index) is not int or not 0 <= index <= SPARSE_INDEX_MAX:
            raise InvalidArgument(
                f"An index of a sparse vector is a whole number from 0 to {SPARSE_INDEX_MAX}.",
                field=f"indices[{position}]",
            )
    if len(set(indices)) < len(indices):
        raise InvalidArgument("An index comes twice in the sparse vector.", field="indices")
    with np.errstate(over="ignore"):
        numbers = np.array(values, dtype=np.float32)
    if not np.isfinite(numbers).all():
        raise InvalidArgument(
            "A value of a sparse vector is a number that is finite in 32-bit precision.",
            field=f"values[{int(np.argmin(np.isfinite(numbers)))}]",
        )
    return SparseQuery(field, np.array(indices, dtype=np.int64), numbers)


def searched_fields(declared: Iterable[str], weights: Mapping[str, float] | None) -> dict[str, float]:
    """The fields that are searched, with weights of which the greatest is 1. Raises InvalidArgument for one that is not
    among the declared, or where there are none.
    """
    known = sorted(declared)
    if not known:
        raise InvalidArgument(
            "The namespace has no text fields.",
            field="text",
            hint='Text fields are declared when a namespace is created: {"text": {"title": {}, "body": {}}}.',
        )
    if weights is None:
        return dict.fromkeys(known, 1.0)
    for name in weights:
        if name not in known:
            raise InvalidArgument(
                f"{name[:80]!r} is no text field of this namespace.",
                field="fields",
                hint=f"Its text fields are {', '.join(known)}.",
            )
    greatest = max(weights.values())
    return {name: weight / greatest for name, weight in sorted(weights.items()) if weight > 0}


def _check_weights(weights: Mapping[str, float] | None) -> None:
    if weights is None:
        return
    for name, weight in weights.items():
        if not (math.isfinite(weight) and 0 <= weight <= WEIGHT_MAX):
            raise InvalidArgument(
                f"The weight of a field is a number from 0 to {WEIGHT_MAX:g}.", field=f"fields.{name[:80]}"
            )
    if not any(weights.values()):
        raise InvalidArgument(
            "No field is searched.",
            field="fields",
            hint="Give a field a weight above 0, or leave `fields` out to search all of them.",
        )
