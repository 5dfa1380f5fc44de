"""Where a command writes its bytes: to a file or an object that is there whole or not at all, or to stdout."""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from quartzdb.cli.failure import Failure
from quartzdb.cli.s3_url import S3Url
from quartzdb.domain.errors import QuartzError


@contextmanager
def output_file(output: Path | S3Url | None) -> Iterator[IO[bytes]]:
    """The file, which appears when it is written to the end; without one, stdout. Raises Failure, QuartzError."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if isinstance(output, S3Url):
        with _object(output) as there:
            yield there
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
def _object(output: S3Url) -> Iterator[IO[bytes]]:
    from quartzdb.wiring.s3_objects import S3ObjectWriter

    with S3ObjectWriter(output.object()) as writer:
        try:
            with _packed(writer, output.name) as packed:  # type: ignore[arg-type]  # an IO[bytes] in all but its type
                yield packed
            writer.finish()
        except BaseException:
            # What went wrong is to be told, not what goes wrong in clearing up after it.
            with suppress(QuartzError):
                writer.abandon()
            raise


@contextmanager
def _packed(file: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    if not name.lower().endswith(".gz"):
        yield file
        return
    # Fast, so that the export does not wait for it; without a time, so that equal data are equal files.
    with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=3, mtime=0) as packed:
        yield packed  # type: ignore[misc]  # GzipFile is an IO[bytes] in all but its type stub


@contextmanager
def _whole(output: Path) -> Iterator[IO[bytes]]:
    # Under another name until it is whole: a broken-off export must not look like a finished one.
    unfinished = output.with_name(f".{output.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            with _packed(file, output.name) as packed:
                yield packed
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(output)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
