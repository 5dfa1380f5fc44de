"""Records of a segment under construction, in a file until it is known in which order they go into the segment.

Owns how they are packed meanwhile. The file is read back by the object that wrote it, and never by anybody else.
"""

from __future__ import annotations

import mmap
import struct
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

from quartzdb.storage.index.segments.stored_record import PackedRecord

# Stamp and number of the writer, then the lengths of the id, metadata and patches; 0 for none, else one more.
_HEAD = struct.Struct("<QIIII")


class RecordSpool:
    """Records go in one after another and come out in any order. Takes 8 bytes of memory for each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._starts = array("Q")
        self._end = 0

    def __len__(self) -> int:
        return len(self._starts)

    def add(
        self, record_id: str, stamp: int, writer: int, metadata: bytes | None, patches: bytes | None
    ) -> None:
        """Append one."""
        name = record_id.encode()
        metadata_bytes = 0 if metadata is None else len(metadata) + 1
        patches_bytes = 0 if patches is None else len(patches) + 1
        head = _HEAD.pack(stamp, writer, len(name), metadata_bytes, patches_bytes)
        packed = b"".join((head, name, metadata or b"", patches or b""))
        self._starts.append(self._end)
        self._end += len(packed)
        self._file.write(packed)

    def read(self, numbers: Iterable[int]) -> Iterator[PackedRecord]:
        """The records that were added as these numbers. Nothing can be added any more."""
        self._file.close()
        if not self._end:
            return
        starts, unpack, head_bytes = self._starts, _HEAD.unpack_from, _HEAD.size
        with self._path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as packed:
            for number in numbers:
                start = starts[number]
                stamp, writer, name_bytes, metadata_bytes, patches_bytes = unpack(packed, start)
                start += head_bytes
                at = start + name_bytes
                name = packed[start:at].decode()
                metadata = patches = None
                if metadata_bytes:
                    metadata = packed[at : at + metadata_bytes - 1]
                    at += metadata_bytes - 1
                if patches_bytes:
                    patches = packed[at : at + patches_bytes - 1]
                yield name, stamp, writer, metadata, patches

    def close(self) -> None:
        """Let go of the file; it stays where it is."""
        self._file.close()
