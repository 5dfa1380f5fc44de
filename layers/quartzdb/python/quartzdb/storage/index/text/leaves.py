"""Leaves: what a text query comes down to once its words are analysed, and which of them a record must have.

A leaf is one word, one beginning of words or one phrase, with the form that it has in each field that is searched:
stems differ from field to field where these are analysed differently.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import lru_cache

from quartzdb.domain.text_fields import TextField
from quartzdb.domain.text_query import Clause, Phrase, TextQuery, WordPrefix, Words, searched_fields
from quartzdb.domain.values import dataclass
from quartzdb.storage.index.text.analysis import Analyser
from quartzdb.storage.index.text.inverted import Wanted


@dataclass(frozen=True, slots=True, order=True)
class Stem:
    """A word in one field, or with `prefix` all words that begin so."""

    text: str
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Leaf:
    """`forms`: of each field in which there is something to look for, in order of fields, the stems that must follow
    each other, each with its distance from the first. One stem is a word or a prefix, more are a phrase.
    """

    forms: tuple[tuple[str, tuple[tuple[int, Stem], ...]], ...]
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash(self.forms))

    def __hash__(self) -> int:
        return self._hash  # each is looked up a dozen times

    @property
    def phrase(self) -> bool:
        """Whether the order of its words counts in any field."""
        return any(len(stems) > 1 for _, stems in self.forms)

    def words(self) -> Iterator[Leaf]:
        """The single words of a phrase as leaves; itself where it is none."""
        if not self.phrase:
            yield self
            return
        for number in range(max(len(stems) for _, stems in self.forms)):
            yield Leaf(
                tuple((name, ((0, stems[number][1]),)) for name, stems in self.forms if number < len(stems))
            )

    def wanted(self) -> Iterator[Wanted]:
        """What an index is going to be asked for."""
        for name, stems in self.forms:
            for _, stem in stems:
                yield Wanted(name, stem.text, stem.prefix, places=len(stems) > 1)


@dataclass(frozen=True, slots=True, eq=False)
class AnalysedQuery:
    """`scored`: how many times each leaf counts. `impossible`: nothing can match, because no word is left."""

    weights: Mapping[str, float]
    scored: Mapping[Leaf, int]
    required: tuple[Leaf, ...]
    excluded: tuple[Leaf, ...]

    @property
    def impossible(self) -> bool:
        """Whether nothing is looked for: all that was asked for were stop words and signs."""
        return not self.scored

    def leaves(self) -> Iterator[Leaf]:
        """Each once."""
        yield from dict.fromkeys((*self.scored, *self.excluded))


def analysed(query: TextQuery, declared: Mapping[str, TextField]) -> AnalysedQuery:
    """The query in the words of the fields that it searches. Raises InvalidArgument."""
    weights = searched_fields(declared, query.fields)
    fields = [(name, _analyser(declared[name])) for name in weights]
    required = tuple(dict.fromkeys(_leaves(query.must, fields)))
    scored: dict[Leaf, int] = {}
    for leaf in _leaves((*query.wanted, *query.must), fields):
        scored[leaf] = scored.get(leaf, 0) + 1
    return AnalysedQuery(weights, scored, required, tuple(dict.fromkeys(_leaves(query.must_not, fields))))


@lru_cache(maxsize=64)
def _analyser(field: TextField) -> Analyser:
    """Shared by all queries: what stems it has found before it need not find again."""
    return Analyser(field)


def _leaves(clauses: Iterable[Clause], fields: Sequence[tuple[str, Analyser]]) -> Iterator[Leaf]:
    for clause in clauses:
        if isinstance(clause, WordPrefix):
            yield from _leaf(
                (name, _followed(_beginning(analyser, clause.text))) for name, analyser in fields
            )
            continue
        stems = [(name, _stems(analyser, clause.text)) for name, analyser in fields]
        if isinstance(clause, Phrase):
            yield from _leaf((name, _followed(found)) for name, found in stems)
        else:
            assert isinstance(clause, Words)
            for place in range(max(len(found) for _, found in stems)):
                yield from _leaf(
                    (name, [(0, stem)] if place < len(found) and (stem := found[place]) is not None else [])
                    for name, found in stems
                )


def _leaf(forms: Iterable[tuple[str, Sequence[tuple[int, Stem]]]]) -> Iterator[Leaf]:
    there = tuple((name, tuple(stems)) for name, stems in forms if stems)
    if there:
        yield Leaf(there)


def _stems(analyser: Analyser, text: str) -> list[Stem | None]:
    """Word for word; None for what is left out. A character that may begin a word of two is a prefix."""
    return [
        Stem(stem, prefix=len(stem) == 1) if (stem := analyser.stems[word]) else None
        for word in analyser.query_words(text)
    ]


def _beginning(analyser: Analyser, text: str) -> list[Stem | None]:
    words, last = analyser.beginning(text)
    before = [Stem(stem) if (stem := analyser.stems[word]) else None for word in words]
    return [*before, Stem(last, prefix=True)] if last else []


def _followed(stems: Sequence[Stem | None]) -> list[tuple[int, Stem]]:
    """Those that are there, with their distance from the first."""
    there = [(place, stem) for place, stem in enumerate(stems) if stem is not None]
    return [(place - there[0][0], stem) for place, stem in there]
