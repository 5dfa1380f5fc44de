"""The little of a 64-bit little-endian ELF file that decides where it can run, read from its program headers.

Layouts: the ELF-64 object file format, and `man 5 elf`.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_ENTRY = struct.Struct("<qQ")  # of the dynamic section: what it is about, and a number
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_LOAD, _DYNAMIC = 1, 2
_SYMBOLS, _FUNCTION = 2, 2
_END, _NEEDED, _NAMES = 0, 1, 5
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
    needed: tuple[str, ...]  # the libraries that it is linked against
    loaded_end: int  # bytes of the file from which on the loader reads nothing

    @property
    def glibc_minor(self) -> int:
        """The y of the newest GLIBC_2.y that it asks for; 0 if it asks for none."""
        found = (int(match[1]) for part in self.segments for match in _GLIBC.finditer(part.content))
        return max(found, default=0)


def functions_of(content: bytes) -> dict[str, range]:
    """The addresses of each function that its table of symbols names; none of a file that was stripped.

    Raises ValueError for anything but a 64-bit little-endian ELF file.
    """
    if content[:6] != b"\x7fELF\x02\x01":
        raise ValueError("not a 64-bit little-endian ELF file")
    header = _HEADER.unpack_from(content)
    sections = [_SECTION.unpack_from(content, header[6] + index * header[11]) for index in range(header[12])]
    found = {}
    for kind, begin, size, linked in ((one[1], one[4], one[5], one[6]) for one in sections):
        if kind != _SYMBOLS:
            continue
        names = content[sections[linked][4] :]
        for name, info, _, _, address, length in _SYMBOL.iter_unpack(content[begin : begin + size]):
            if info & 0xF == _FUNCTION:
                found[names[name : names.index(b"\0", name)].decode()] = range(address, address + length)
    return found


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
    dynamic = b""
    loaded_end = table + size * count
    for index in range(count):
        kind, flags, offset, address, _, length, _, _ = _SEGMENT.unpack_from(content, table + index * size)
        loaded_end = max(loaded_end, offset + length)
        part = content[offset : offset + length]
        if kind == _LOAD:
            segments.append(Segment(bool(flags & _EXECUTABLE), address, part))
        elif kind == _DYNAMIC:
            dynamic = part
    return Elf(machine, tuple(segments), _needed(dynamic, segments), loaded_end)


def _needed(dynamic: bytes, segments: list[Segment]) -> tuple[str, ...]:
    entries = []
    for entry in _ENTRY.iter_unpack(dynamic[: len(dynamic) // _ENTRY.size * _ENTRY.size]):
        if entry[0] == _END:
            break
        entries.append(entry)
    names = next((value for tag, value in entries if tag == _NAMES), None)
    for segment in segments:
        if names is not None and 0 <= names - segment.address < len(segment.content):
            table = segment.content[names - segment.address :]
            offsets = [value for tag, value in entries if tag == _NEEDED]
            return tuple(table[at : table.index(b"\0", at)].decode() for at in offsets)
    return ()


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
