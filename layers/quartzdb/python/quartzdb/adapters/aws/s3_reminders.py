"""Reminders of erasures as objects of the bucket. Restoring an earlier state leaves them alone; their lifecycle ends
them when no such state can be restored any more.
"""

from __future__ import annotations

from collections.abc import Sequence

from quartzdb.adapters.aws.s3_bucket import S3Bucket
from quartzdb.adapters.aws.s3_places import ERASURES
from quartzdb.adapters.blob_key import check_blob_key


class S3Reminders:
    """ReminderStore over an S3Bucket. Methods raise Unavailable."""

    def __init__(self, bucket: S3Bucket) -> None:
        self._bucket = bucket

    def put(self, name: str, data: bytes) -> None:
        """Store it durably; what is there already is the same."""
        self._bucket.put(ERASURES + check_blob_key(name), data)

    def get(self, name: str) -> bytes | None:
        """What a name has."""
        found = self._bucket.get(ERASURES + check_blob_key(name))
        return found[0] if found is not None else None

    def names(self, prefix: str) -> Sequence[str]:
        """The names with the prefix."""
        return [place.removeprefix(ERASURES) for place, _, _ in self._bucket.list(ERASURES + prefix)]

    def remove(self, names: Sequence[str]) -> None:
        """Remove them."""
        self._bucket.delete([ERASURES + check_blob_key(name) for name in names])
