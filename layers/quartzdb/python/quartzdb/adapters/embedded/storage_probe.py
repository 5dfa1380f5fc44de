"""Finds out whether files can be opened and written in a data directory right now. Leaves nothing there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from quartzdb.domain.errors import Unavailable

_BYTES = 64 * 1024
"""As much as a commit takes at least, with room for the write-ahead log to grow."""


def probe_directory(directory: Path) -> None:
    """Write a new file and remove it. Raises Unavailable: a full disk, no more open files, a lost mount."""
    try:
        descriptor, name = tempfile.mkstemp(prefix="probe-", dir=directory)
        try:
            written = os.write(descriptor, bytes(_BYTES))
        finally:
            os.close(descriptor)
            os.unlink(name)
    except OSError as error:
        raise Unavailable(
            f"Nothing can be written in the data directory: {error.strerror or error}.",
            hint="Check its free space and permissions, and the limit of open files.",
        ) from error
    if written < _BYTES:
        raise Unavailable("The disk of the data directory is full.", hint="Free some space.")
