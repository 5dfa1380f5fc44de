"""Where a record stands in the answer to a question: by its score, and of equal scores by its id."""

from __future__ import annotations

from typing import NamedTuple


class RankPlace(NamedTuple):
    """A place in a ranking: a better score comes first, of equals the lesser id. `score` is a float32's value."""

    score: float
    id: str

    @property
    def sort_key(self) -> tuple[float, str]:
        """What is less for what comes first."""
        return (-self.score, self.id)
