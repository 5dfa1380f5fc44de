"""Where a command writes its bytes: to a file that is there whole or not at all, or to stdout."""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise Failure(f"{output} cannot be written: {error.strerror or error}.") from error
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
