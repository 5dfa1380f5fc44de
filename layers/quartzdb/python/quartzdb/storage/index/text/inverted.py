"""The port of evaluation: what is known of the words of some rows, whether they are a segment's or the tail's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

import numpy.typing as npt

from quartzdb.domain.values import dataclass
from quartzdb.storage.index.text.gaps import Numbers
from quartzdb.storage.index.text.postings import Postings

Answer = TypeVar("Answer")
Lengths = npt.NDArray[Any]
"""How many words each row's text has: unsigned integers (n,)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A word of a field, or all that begin so, that is about to be asked for; `places`: where it is, too."""

    field: str
    word: str
    prefix: bool = False
    places: bool = False


class Inverted(Protocol):
    """Of n rows. Arrays are shared and not to be written to. Every method may raise Corrupted and BlobMissing."""

    @property
    def rows(self) -> int:
        """n."""
        ...

    def expect(self, wanted: Iterable[Wanted]) -> None:
        """Bring what is not here, all of it together."""
        ...

    def lengths(self, field: str) -> Lengths:
        """Zero where a row has no text there."""
        ...

    def shortest(self, field: str) -> int:
        """The least length that is not zero; at least 1."""
        ...

    def totals(self, field: str) -> tuple[int, int]:
        """How many rows have a text, and how many words these have together, dead rows included."""
        ...

    def documents(self, field: str, word: str) -> int:
        """How many rows have the word, dead ones included."""
        ...

    def postings(self, field: str, word: str) -> Postings | None:
        """Which rows have the word, and how often; None where none has it."""
        ...

    def places(self, field: str, word: str) -> Numbers:
        """Where the word is, row after row of its postings: (sum of counts,)."""
        ...

    def words_from(self, field: str, prefix: str, limit: int) -> Sequence[str]:
        """The first words in order that begin so, at most `limit`."""
        ...


class ReadInverted(Protocol):
    """Reads an inverted index that grows, while nobody adds to it."""

    def __call__(self, read: Callable[[Inverted], Answer], /) -> Answer: ...
