"""What every database is asked to do here. Each is imported only in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Fields = npt.NDArray[np.int64]
Setting = Mapping[str, Any]
"""What a search is told: how hard to try. JSON, in the database's own words."""
Ask = Callable[[Floats], Sequence[int | str]]
"""A query to the ids of its answers, best first."""

TOP_K = 10
BATCH = 100
DEGREE = 16
"""Links per row of every graph whose maker leaves that open; the lowest level has twice as many."""
EF_CONSTRUCTION = 200
FIELDS = ("number", "place")
"""Every record has both: an integer drawn by chance, and one that says how near the record is to a certain one."""
FILTERED_PARAMETERS = (20, 28, 40, 56, 112, 320)
"""For searches under a filter, of which there are many kinds."""
SEARCH_PARAMETERS = (10, 14, 17, 20, 24, 28, 34, 40, 48, 56, 67, 80, 95, 112, 134, 160, 190, 224, 320, 450)
"""Close enough together that none just misses a recall by which others are compared."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Records whose `field` is below a number."""

    field: str
    below: int


@dataclass(frozen=True, slots=True)
class Written:
    """Seconds until the last batch was acknowledged, and until every row was in an index and files were at rest."""

    rows: int
    acknowledged_s: float
    searchable_s: float


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows as they are written in one request."""

    ids: range
    vectors: Floats
    number: Sequence[int]
    place: Sequence[int]

    def metadata(self) -> list[dict[str, int]]:
        """The fields of each row."""
        return [
            {"number": number, "place": place} for number, place in zip(self.number, self.place, strict=True)
        ]


def batches(rows: Floats, fields: Fields) -> Iterator[Batch]:
    """All rows in requests of BATCH."""
    for start in range(0, len(rows), BATCH):
        end = min(start + BATCH, len(rows))
        part = np.array(rows[start:end])
        number, place = (fields[start:end, at].tolist() for at in range(2))
        yield Batch(range(start, end), part, number, place)


class Peer(Protocol):
    """One database, and one way to index. `ingest` and `open` are called in different processes."""

    settings: Sequence[Setting]
    filtered: Sequence[Setting]
    """To be tried under a filter, the cheapest first: the first that is good enough is taken."""
    refuses_threads: str
    """Why one process cannot answer several threads, if it cannot."""

    def ingest(self, rows: Floats, fields: Fields, place: Path) -> Written:
        """Write unit vectors (n, d) into a new directory, in batches, and bring it to rest."""
        ...

    def open(self, place: Path) -> None:
        """Make ready to search."""
        ...

    def asking(self, setting: Setting, condition: Condition | None) -> Ask:
        """How to search so. What it returns gives ids, and has fetched scores and fields."""
        ...

    def processes(self) -> Sequence[int]:
        """Those that answer queries."""
        ...

    def close(self) -> None:
        """Stop what was started."""
        ...


class InProcess:
    """The parts of a peer that runs in the process that asks."""

    refuses_threads = ""

    def processes(self) -> Sequence[int]:
        """This one."""
        return (os.getpid(),)

    def close(self) -> None:
        """Nothing was started."""


def settings_of(name: str, values: Sequence[int] = SEARCH_PARAMETERS, **others: Any) -> list[Setting]:
    """A setting for each value of that search parameter."""
    return [{name: value, **others} for value in values]
