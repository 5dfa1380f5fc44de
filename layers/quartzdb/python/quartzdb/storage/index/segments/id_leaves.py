"""Which page of records.sqlite has an id's entry in the index of ids, so that any number of look-ups is one fetch.

Only a hint of what to fetch: SQLite finds the entry by itself, and an id that lies elsewhere costs one more fetch.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import orjson

from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Rows

_INDEX = "ids"
_FIRST_CHARACTERS_MAX = 32
"""Of each page's first id. Where longer ids begin alike the wrong neighbour may be named, which is harmless."""


@dataclass(frozen=True, slots=True, eq=False)
class IdLeaves:
    """Leaf i of the index of ids has the ids from `firsts[i]`, on page `pages[i]`; pages count from 0."""

    firsts: Sequence[str]
    pages: Rows

    @classmethod
    def of(cls, path: Path, ids: Iterable[str]) -> Self:
        """Those of a finished records.sqlite, whose `ids` are given in their order."""
        # The standard library's SQLite is built without the table that tells what each page is for.
        import apsw

        connection = apsw.Connection(
            f"{path.resolve().as_uri()}?immutable=1", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        )
        try:
            leaves: list[Any] = connection.execute(
                "SELECT pageno, ncell FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path",
                (_INDEX,),
            ).fetchall()
        finally:
            connection.close()
        firsts: list[str] = []
        # Between two leaves one entry lies on an inner page.
        begins = iter(np.cumsum([0, *(cells + 1 for _, cells in leaves)]).tolist())
        awaited = next(begins)
        for rank, one in enumerate(ids):
            if rank == awaited:
                firsts.append(one[:_FIRST_CHARACTERS_MAX])
                awaited = next(begins)
        pages = np.array([number - 1 for number, _ in leaves[: len(firsts)]], dtype=np.int64)
        return cls(firsts, pages)

    def pages_of(self, ids: Sequence[str]) -> Rows:
        """The leaves that have these ids, if any has."""
        if not self.firsts:
            return np.empty(0, dtype=np.int64)
        places = [max(0, bisect_right(self.firsts, one) - 1) for one in ids]
        pages: Rows = np.unique(self.pages[places])
        return pages

    def encode(self) -> bytes:
        """As JSON."""
        return orjson.dumps([list(self.firsts), self.pages.tolist()])

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read it back. Raises ValueError, TypeError."""
        firsts, pages = orjson.loads(data)
        if len(firsts) != len(pages):
            raise ValueError("as many pages as first ids")
        return cls(firsts, np.array(pages, dtype=np.int64))
