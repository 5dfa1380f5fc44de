"""Lines of a file or a stream by their number, and the header that an export begins with.

A stream's header is looked at before anything else is known; the lines that follow go on from there.
"""

from __future__ import annotations

import codecs
from collections.abc import Generator, Iterator
from functools import cached_property

from quartzdb.cli.export_header import ExportHeader, parse_header
from quartzdb.cli.failure import Failure
from quartzdb.cli.importing.source_file import SourceBytes

Line = tuple[int, bytes]


class LineFile:
    """Empty lines are passed over, and so is a byte order mark."""

    def __init__(self, file: SourceBytes) -> None:
        self._file = file
        self._first: Line | None = None
        self._rest: Iterator[Line] | None = None

    @cached_property
    def header(self) -> ExportHeader | None:
        """What the first line says of the namespace that was exported; None where it is a line like others.

        Raises Failure for a header that cannot be read, OSError and EOFError.
        """
        lines = self._opened()
        first = next(lines, None)
        if self._file.is_stream:
            self._first, self._rest = first, lines
            if first is None:
                raise Failure(
                    f"Nothing came from {self._file.name}.",
                    hint="See whether the command that writes to it failed. Nothing was written.",
                )
        else:
            lines.close()
        return parse_header(first[1], first[0]) if first is not None else None

    def lines(self, after: int) -> Iterator[Line]:
        """Those after line number `after` but for the header, numbered from 1."""
        passed_over = 1 if self.header is not None else 0
        if self._rest is not None and self._first is not None:
            lines = _begun(self._first, self._rest)
        else:
            lines = self._opened()
        for position, line in enumerate(lines):
            if position >= passed_over and line[0] > after:
                yield line

    def _opened(self) -> Generator[Line]:
        with self._file.open() as opened:
            for number, text in enumerate(opened, start=1):
                line = text.removeprefix(codecs.BOM_UTF8) if number == 1 else text
                if line.strip():
                    yield number, line


def _begun(first: Line, rest: Iterator[Line]) -> Iterator[Line]:
    yield first
    yield from rest
