"""Where in records.sqlite what lies, so that a reader of parts knows which to fetch: written once, beside the file.

A look-up walks down a B-tree, and each step would wait for a fetch. With the inner pages fetched at the start, one
round of fetches brings any number of leaves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Rows

_SMALL_TREE_PAGES = 8
"""Trees of so few pages (writers, the list of fields) are fetched whole at the start."""

Numbers = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True, eq=False)
class RecordsMap:
    """`first`: pages that every reader needs. Pages count from 0 here.

    Of a segment of before there was a file of rows, leaf i holds the rows from `leaf_rows[i]`, on page `leaf_pages[i]`.
    """

    page_bytes: int
    first: Numbers
    leaf_rows: Numbers
    leaf_pages: Numbers

    @classmethod
    def of(cls, path: Path) -> Self:
        """The map of a finished records.sqlite."""
        # The standard library's SQLite is built without the table that tells what each page is for.
        import apsw

        connection = apsw.Connection(
            f"{path.resolve().as_uri()}?immutable=1", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        )
        try:
            page_bytes = connection.pragma("page_size")
            pages: list[Any] = connection.execute(
                "SELECT name, path, pageno, pagetype, ncell FROM dbstat ORDER BY name, path"
            ).fetchall()
        finally:
            connection.close()
        sizes: dict[str, int] = {}
        for name, *_ in pages:
            sizes[name] = sizes.get(name, 0) + 1
        first = [
            number - 1
            for name, place, number, kind, _ in pages
            if kind == "internal" or place == "/" or sizes[name] <= _SMALL_TREE_PAGES
        ]
        nothing = np.empty(0, dtype=np.uint32)
        return cls(page_bytes, np.array(sorted({0, *first}), dtype=np.uint32), nothing, nothing)

    def pages_of(self, rows: Any) -> Rows:
        """The leaves that hold these rows."""
        places = np.searchsorted(self.leaf_rows, np.asarray(rows, dtype=np.int64), side="right") - 1
        pages: Rows = np.unique(self.leaf_pages[places]).astype(np.int64)
        return pages

    def encode(self) -> bytes:
        """As little-endian 32-bit numbers: the page size and three lengths, then the three lists."""
        lists = (self.first, self.leaf_rows, self.leaf_pages)
        head = [self.page_bytes, *(one.size for one in lists)]
        return np.concatenate([head, *lists]).astype("<u4").tobytes()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read it back. Raises Corrupted."""
        numbers = np.frombuffer(data, dtype="<u4") if len(data) % 4 == 0 else np.empty(0, np.uint32)
        if numbers.size < 4 or numbers.size != 4 + int(numbers[1:4].sum()):
            raise Corrupted("A segment's map of its records cannot be read.", hint="Run `quartzdb verify`.")
        first, leaf_rows, leaf_pages = np.split(numbers[4:], np.cumsum(numbers[1:3]))
        return cls(int(numbers[0]), first, leaf_rows, leaf_pages)
