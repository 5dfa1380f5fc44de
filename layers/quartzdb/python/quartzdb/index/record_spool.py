"""Records of a segment under construction, in a file until it is known in which order they go into the segment.

Owns how they are packed meanwhile. The file is read back by the object that wrote it, and never by anybody else.
"""

from __future__ import annotations

import mmap
import struct
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from quartzdb.domain.hlc import Version

# The version's stamp and writer, then the lengths of the id, metadata and patches; 0 for none, else one more.
_HEAD = struct.Struct("<QIIII")


class SpooledRecord(NamedTuple):
    """A record as it will be stored; `metadata` and `patches` are JSON bytes, None for none."""

    id: str
    version: Version
    metadata: bytes | None
    patches: bytes | None


class RecordSpool:
    """Records go in one after another and come out in any order. Takes 8 bytes of memory for each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._starts = array("Q")
        self._end = 0
        self._numbers: dict[str, int] = {}
        self._writers: list[str] = []

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, record_id: str, version: Version, metadata: bytes | None, patches: bytes | None) -> None:
        """Append one."""
        writer = self._numbers.get(version.writer)
        if writer is None:
            writer = self._numbers[version.writer] = len(self._writers)
            self._writers.append(version.writer)
        name = record_id.encode()
        head = _HEAD.pack(
            version.stamp,
            writer,
            len(name),
            0 if metadata is None else len(metadata) + 1,
            0 if patches is None else len(patches) + 1,
        )
        packed = b"".join((head, name, metadata or b"", patches or b""))
        self._starts.append(self._end)
        self._end += len(packed)
        self._file.write(packed)

    def read(self, numbers: Iterable[int]) -> Iterator[SpooledRecord]:
        """The records that were added as these numbers. Nothing can be added any more."""
        self._file.close()
        if not self._end:
            return
        with self._path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as packed:
            for number in numbers:
                yield self._unpacked(packed, self._starts[number])

    def close(self) -> None:
        """Let go of the file; it stays where it is."""
        self._file.close()

    def _unpacked(self, packed: mmap.mmap, start: int) -> SpooledRecord:
        stamp, writer, name_bytes, metadata_bytes, patches_bytes = _HEAD.unpack_from(packed, start)
        start += _HEAD.size
        name = packed[start : start + name_bytes].decode()
        start += name_bytes
        metadata = packed[start : start + metadata_bytes - 1] if metadata_bytes else None
        start += max(0, metadata_bytes - 1)
        patches = packed[start : start + patches_bytes - 1] if patches_bytes else None
        return SpooledRecord(name, Version(stamp, self._writers[writer]), metadata, patches)
