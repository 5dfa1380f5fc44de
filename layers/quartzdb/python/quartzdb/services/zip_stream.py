"""A ZIP file that is written by several processes one after the other: what one leaves off, the next goes on with.

Pure: it makes bytes, and a state of plain values that the next begins with. A file is stored as pieces of one deflate
stream, each flushed to a whole byte (RFC 1951, 3.2.4), so that no compressor has to outlive its process. Sizes are
ZIP64 throughout, and stand after a file and in the directory at the end, as in any archive made while it is sent.
PKWARE, APPNOTE 6.3.10: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.values import dataclass

_VERSION = 45  # that ZIP64 needs
_FLAGS = 0x0808  # sizes come after the file; the name is UTF-8
_DEFLATED = 8
_DATE = 0x0021  # 1980-01-01: when the archive was made is said in it
_32, _16 = 0xFFFFFFFF, 0xFFFF
_UNIX_FILE = 3 << 8
_MODE = 0o100600 << 16
_NAME_BYTES_MAX = 1_024


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """A file of the archive. `size` and `packed` in bytes; `offset` of its header."""

    name: str
    offset: int
    crc: int = 0
    size: int = 0
    packed: int = 0


class ZipStream:
    """Of one archive. `offset`: bytes made so far. At most one file is open."""

    def __init__(self, offset: int = 0, entries: Iterable[ZipEntry] = (), *, is_open: bool = False) -> None:
        self.offset = offset
        self._entries = list(entries)
        self._names = {one.name for one in self._entries}
        self._open = is_open

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> ZipStream:
        """One that goes on."""
        entries = [ZipEntry(*one) for one in state["entries"]]
        return cls(state["offset"], entries, is_open=state["open"])

    def state(self) -> dict[str, Any]:
        """What the next goes on with."""
        entries = [[one.name, one.offset, one.crc, one.size, one.packed] for one in self._entries]
        return {"offset": self.offset, "entries": entries, "open": self._open}

    @property
    def name(self) -> str | None:
        """Of the file that is open."""
        return self._entries[-1].name if self._open else None

    def begin(self, name: str) -> bytes:
        """Another file; the one before has its end. Raises InvalidArgument for a name that is there, or is none."""
        encoded = name.encode()
        if not encoded or len(encoded) > _NAME_BYTES_MAX or name in self._names:
            raise InvalidArgument(f"The archive cannot have a file {name[:80]!r}, or has it.", field="file")
        before = self.end()
        entry = ZipEntry(name, self.offset)
        self._entries.append(entry)
        self._names.add(name)
        self._open = True
        extra = struct.pack("<HHQQ", 1, 16, 0, 0)
        header = struct.pack(
            "<4sHHHHHIIIHH", b"PK\3\4", _VERSION, _FLAGS, _DEFLATED, 0, _DATE, 0, _32, _32, len(encoded), len(extra)
        )  # fmt: skip
        return before + self._made(header + encoded + extra)

    def add(self, content: bytes) -> bytes:
        """More of the file that is open."""
        if not content:
            return b""
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        return self._packed(content, packer.compress(content) + packer.flush(zlib.Z_FULL_FLUSH))

    def end(self) -> bytes:
        """The end of the file that is open, if one is."""
        if not self._open:
            return b""
        last = self._packed(b"", zlib.compressobj(wbits=-zlib.MAX_WBITS).flush())
        entry = self._entries[-1]
        self._open = False
        return last + self._made(struct.pack("<4sIQQ", b"PK\7\x08", entry.crc, entry.packed, entry.size))

    def finish(self) -> bytes:
        """The directory, which is the end of the archive."""
        last = self.end()
        begins = self.offset
        directory = b"".join(map(_directory_entry, self._entries))
        count, size = len(self._entries), len(directory)
        end64 = struct.pack(
            "<4sQHHIIQQQQ", b"PK\6\6", 44, _UNIX_FILE | _VERSION, _VERSION, 0, 0, count, count, size, begins
        )
        locator = struct.pack("<4sIQI", b"PK\6\7", 0, begins + size, 1)
        end = struct.pack(
            "<4sHHHHIIH", b"PK\5\6", 0, 0, min(count, _16), min(count, _16), min(size, _32), _32, 0
        )
        return last + self._made(directory + end64 + locator + end)

    def _packed(self, content: bytes, packed: bytes) -> bytes:
        entry = self._entries[-1]
        self._entries[-1] = ZipEntry(
            entry.name,
            entry.offset,
            zlib.crc32(content, entry.crc),
            entry.size + len(content),
            entry.packed + len(packed),
        )
        return self._made(packed)

    def _made(self, made: bytes) -> bytes:
        self.offset += len(made)
        return made


def _directory_entry(entry: ZipEntry) -> bytes:
    name = entry.name.encode()
    extra = struct.pack("<HHQQQ", 1, 24, entry.size, entry.packed, entry.offset)
    header = struct.pack(
        "<4sHHHHHHIIIHHHHHII", b"PK\1\2", _UNIX_FILE | _VERSION, _VERSION, _FLAGS, _DEFLATED, 0, _DATE,
        entry.crc, _32, _32, len(name), len(extra), 0, 0, 0, _MODE, _32,
    )  # fmt: skip
    return header + name + extra
