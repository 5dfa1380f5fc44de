"""`opening`: one small file with all that a reader of parts needs before it can read any part of a segment.

Checksums of the blocks of the other files, the map of records.sqlite with the pages that every reader needs, a filter
of its ids, and the engine's small files: what would else be rounds of fetches of their own. Written once, at the end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Self

import numpy as np
import orjson

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Rows
from quartzdb.storage.index.fields.id_filter import IdFilter
from quartzdb.storage.index.segments.id_leaves import IdLeaves
from quartzdb.storage.index.segments.partial_file import BLOCK_BYTES, PartialFile, Sums, sums_of_file
from quartzdb.storage.index.segments.records_map import RecordsMap
from quartzdb.storage.index.segments.row_file import end_of

PACKED_BYTES_MAX = 64 * 1024
"""Files of an engine up to this size are in the header, too."""
_FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class SegmentHeader:
    """`first_blocks` are the blocks of records.sqlite with the pages that `places.first` names, one after another;
    `packed` are whole files. `end_of_rows` says where in the file of rows which are; None where there is none.
    """

    places: RecordsMap
    sums: Mapping[str, Sums]
    leaves: IdLeaves
    ids: IdFilter
    first_blocks: bytes
    packed: Mapping[str, bytes]
    end_of_rows: bytes | None = None

    @classmethod
    def of(
        cls, directory: Path, records: str, rows: str, in_parts: Sequence[str], packed: Sequence[str]
    ) -> Self:
        """That of a finished segment in a directory: `in_parts` are files to read in parts, `packed` to be copied."""
        places = RecordsMap.of(directory / records)
        with closing(
            sqlite3.connect(f"{(directory / records).resolve().as_uri()}?mode=ro", uri=True)
        ) as stored:
            count = stored.execute("SELECT (SELECT count(*) FROM ids) + (SELECT count(*) FROM tombstones)")
            known = IdFilter.of(
                _ids(stored, "SELECT id FROM ids UNION ALL SELECT id FROM tombstones"),
                count.fetchone()[0],
            )
            leaves = IdLeaves.of(directory / records, _ids(stored, "SELECT id FROM ids ORDER BY id"))
        return cls(
            places,
            {name: sums_of_file(directory / name) for name in in_parts if name not in packed},
            leaves,
            known,
            b"".join(_blocks(directory / records, _first_blocks(places))),
            {name: (directory / name).read_bytes() for name in packed},
            end_of(directory / rows),
        )

    def place_first_pages(self, file: PartialFile) -> None:
        """Put the pages that every reader of records.sqlite needs into it."""
        file.put(_first_blocks(self.places), self.first_blocks)

    def encode(self) -> bytes:
        """A line of JSON that says how long each part is, and the parts."""
        parts = {
            "places": self.places.encode(),
            "leaves": self.leaves.encode(),
            "ids": self.ids.bits.tobytes(),
            "blocks": self.first_blocks,
            **({} if self.end_of_rows is None else {"rows": self.end_of_rows}),
            **{f"sums/{name}": sums.astype("<u4").tobytes() for name, sums in self.sums.items()},
            **{f"file/{name}": content for name, content in self.packed.items()},
        }
        head = {"format": _FORMAT, "parts": [[name, len(part)] for name, part in parts.items()]}
        return b"".join([orjson.dumps(head), b"\n", *parts.values()])

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read it back. Raises Corrupted."""
        line, _, rest = data.partition(b"\n")
        try:
            head = orjson.loads(line)
            if head["format"] != _FORMAT:
                raise Corrupted(
                    f"A segment's header has format {head['format']}; this version reads {_FORMAT}.",
                    hint="Use the version of QuartzDB that wrote the data, or a newer one.",
                )
            parts: dict[str, bytes] = {}
            start = 0
            for name, length in head["parts"]:
                parts[name] = rest[start : start + length]
                start += length
            if start != len(rest):
                raise ValueError
            return cls(
                RecordsMap.decode(parts["places"]),
                {
                    name.removeprefix("sums/"): np.frombuffer(part, dtype="<u4")
                    for name, part in parts.items()
                    if name.startswith("sums/")
                },
                IdLeaves.decode(parts["leaves"]),
                IdFilter(np.frombuffer(parts["ids"], dtype=np.uint8)),
                parts["blocks"],
                {
                    name.removeprefix("file/"): part
                    for name, part in parts.items()
                    if name.startswith("file/")
                },
                parts.get("rows"),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise Corrupted("A segment's header cannot be read.", hint="Run `quartzdb verify`.") from error


def _first_blocks(places: RecordsMap) -> Rows:
    blocks: Rows = np.unique(places.first.astype(np.int64) * places.page_bytes // BLOCK_BYTES)
    return blocks


def _blocks(path: Path, blocks: Rows) -> Iterator[bytes]:
    with path.open("rb") as file:
        for block in blocks.tolist():
            file.seek(block * BLOCK_BYTES)
            yield file.read(BLOCK_BYTES)


def _ids(stored: sqlite3.Connection, statement: str) -> Iterator[str]:
    return (one for (one,) in stored.execute(statement))
