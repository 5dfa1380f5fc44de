"""Where a command writes its bytes: to a file that is there whole or not at all, or to stdout."""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from quartzdb.cli.failure import Failure


@contextmanager
def output_file(output: Path | None) -> Iterator[IO[bytes]]:
    """The file, which appears when it is written to the end; without one, stdout. Raises Failure."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        if output.exists() and not output.is_file():
            # A pipe or a device: written to, never replaced by a file.
            with output.open("wb") as there:
                yield there
            return
        # Through a link to what it names: a file is replaced, not the way to it.
        with _whole(output.resolve()) as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Failure.of_writing(output, error) from error


@contextmanager
def _whole(output: Path) -> Iterator[IO[bytes]]:
    # Under another name until it is whole: a broken-off export must not look like a finished one.
    unfinished = output.with_name(f".{output.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            if output.suffix.lower() == ".gz":
                # Fast, so that the export does not wait for it; without a time, so that equal data are equal files.
                with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=3, mtime=0) as packed:
                    yield packed  # type: ignore[misc]  # GzipFile is an IO[bytes] in all but its type stub
            else:
                yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(output)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
