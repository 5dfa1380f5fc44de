"""The little of a 64-bit little-endian ELF file that decides where it can run, read from its program headers.

Layouts: the ELF-64 object file format, and `man 5 elf`.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_LOAD = 1
_EXECUTABLE = 1
_GLIBC = re.compile(rb"GLIBC_2\.(\d+)")
_SECTION_TABLE_OFFSET = 40
_SECTION_COUNT_OFFSET = 60


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the file that is mapped into memory."""

    executable: bool
    address: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Elf:
    """A shared object, as the loader sees it."""

    machine: int
    segments: tuple[Segment, ...]
    loaded_end: int  # bytes of the file from which on the loader reads nothing

    @property
    def glibc_minor(self) -> int:
        """The y of the newest GLIBC_2.y that it asks for; 0 if it asks for none."""
        found = (int(match[1]) for part in self.segments for match in _GLIBC.finditer(part.content))
        return max(found, default=0)


def is_elf(content: bytes) -> bool:
    """Whether it is an ELF file at all."""
    return content.startswith(b"\x7fELF")


def read_elf(content: bytes) -> Elf:
    """Raises ValueError for anything but a 64-bit little-endian ELF file."""
    if content[:6] != b"\x7fELF\x02\x01":
        raise ValueError("not a 64-bit little-endian ELF file")
    header = _HEADER.unpack_from(content)
    machine, table, size, count = header[2], header[5], header[9], header[10]
    segments = []
    loaded_end = table + size * count
    for index in range(count):
        kind, flags, offset, address, _, length, _, _ = _SEGMENT.unpack_from(content, table + index * size)
        loaded_end = max(loaded_end, offset + length)
        if kind == _LOAD:
            segments.append(Segment(bool(flags & _EXECUTABLE), address, content[offset : offset + length]))
    return Elf(machine, tuple(segments), loaded_end)


def strip_unloaded(content: bytes) -> bytes:
    """The file without what only debuggers and linkers read: sections that are not loaded, and their table.

    Some wheels carry debug information many times the size of the code, and no binutils for the other processor can be
    assumed. The loader reads program headers only, so the file ends where the last of them does.
    """
    elf = read_elf(content)
    kept = bytearray(content[: elf.loaded_end])
    struct.pack_into("<Q", kept, _SECTION_TABLE_OFFSET, 0)
    # Number of sections and the index of the one with their names.
    struct.pack_into("<HH", kept, _SECTION_COUNT_OFFSET, 0, 0)
    return bytes(kept)
