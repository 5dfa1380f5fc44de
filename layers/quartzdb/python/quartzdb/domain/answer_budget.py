"""The budget of one answer: what it may have in bytes, counted before and while it is put together."""

from __future__ import annotations

from quartzdb.domain.errors import AnswerTooLarge
from quartzdb.domain.limits import ANSWER_BYTES_MAX, ANSWER_RECORD_BYTES, NUMBER_BYTES_MAX


class AnswerBudget:
    """Of one request. Several shards may take from it side by side: a race between them costs a little exactness."""

    __slots__ = ("_bytes_max", "_left")

    def __init__(self, bytes_max: int = ANSWER_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._left = bytes_max

    def begin(self) -> None:
        """Nothing is taken yet: the answer is put together anew."""
        self._left = self._bytes_max

    def take(self, size: int, field: str | None = None) -> None:
        """So many bytes more. Raises AnswerTooLarge; `field` is what asks for them."""
        self._left -= size
        if self._left < 0:
            raise AnswerTooLarge(self._bytes_max, field=field)

    def take_records(self, count: int, vector_bytes: int, field: str | None = None) -> None:
        """As many records as may be in the answer, before they are looked for. Their metadata is counted when it is
        read, since most records have far less than they may.
        """
        self.take(count * (ANSWER_RECORD_BYTES + vector_bytes), field)


def vector_bytes(dimension: int, encoding: str | bool) -> int:
    """What a vector has in an answer: as numbers, in base64, or (False) not at all."""
    if not encoding:
        return 0
    if encoding == "base64":
        return 4 * ((4 * dimension + 2) // 3)
    return NUMBER_BYTES_MAX * dimension
