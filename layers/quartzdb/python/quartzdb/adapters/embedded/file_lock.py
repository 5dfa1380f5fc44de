"""An exclusive lock on a file, held across threads and processes of one machine; a crash frees it.

Owns only the lock: the file is never written, and never deleted (deleting it would let two holders in at once).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold the lock; waits for whoever has it. Each holder opens the file anew, which is what keeps threads apart."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
