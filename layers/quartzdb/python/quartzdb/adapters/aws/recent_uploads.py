"""Which large bodies this process has just put into S3, so that a second attempt need not put them there again.

A writer that is not answered in time appends the same body again under a fresh stamp. Were the body uploaded again each
time, a large one on a slow line would never be acknowledged. HAZARD: two entries may then name one blob. They are at
most REUSED_WITHIN apart, which is less than the age at which entries are trimmed, and a trim looks that far ahead.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

from quartzdb.domain.hlc import stamp_at
from quartzdb.domain.namespace import Partition

REUSED_WITHIN = stamp_at(10_000)
"""In stamp units: ten seconds."""
_KEPT_MAX = 256


class _Upload(NamedTuple):
    stamp: int
    reference: str


class RecentUploads:
    """Thread-safe; forgets the oldest."""

    def __init__(self) -> None:
        self._uploads: dict[tuple[Partition, str], _Upload] = {}
        self._lock = threading.Lock()

    def find(self, partition: Partition, digest: str, stamp: int) -> str | None:
        """The blob of a body that was uploaded for an entry of this stamp, or for one not long before it."""
        with self._lock:
            upload = self._uploads.get((partition, digest))
        if upload is None or not 0 <= stamp - upload.stamp <= REUSED_WITHIN:
            return None
        return upload.reference

    def note(self, partition: Partition, digest: str, stamp: int, reference: str) -> None:
        """A body was uploaded for an entry of this stamp."""
        with self._lock:
            self._uploads.pop((partition, digest), None)
            self._uploads[partition, digest] = _Upload(stamp, reference)
            if len(self._uploads) > _KEPT_MAX:
                del self._uploads[next(iter(self._uploads))]

    def forget(self, partition: Partition, digest: str) -> None:
        """The blob is gone."""
        with self._lock:
            self._uploads.pop((partition, digest), None)
