"""Pointers in S3: small objects that change by compare-and-set. Owns the keys under `pointers/`.

The tag is the object's ETag, which is a digest of its content. So that a pointer which comes back to an earlier content
does not come back to an earlier tag, every content is preceded by bytes that are new each time.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import Protocol

from quartzdb.adapters.aws.s3_bucket import S3Bucket
from quartzdb.domain.errors import OutcomeUnknown
from quartzdb.domain.outcomes import once_written

_NONCE_BYTES = 16


class RecentPointers(Protocol):
    """Knows sooner than S3 what pointers were not long ago."""

    def read(self, key: str) -> bytes | None:
        """What was noted last."""
        ...

    def note(self, key: str, content: bytes) -> None:
        """The pointer was set to this."""
        ...

    def forget(self, key: str) -> None:
        """The pointer was deleted."""
        ...


class S3Pointers:
    """Under `root` ("pointers/") of a bucket. Thread-safe. `recent` notes what each of them is set to."""

    def __init__(self, bucket: S3Bucket, root: str, recent: RecentPointers | None = None) -> None:
        self._bucket = bucket
        self._root = root
        self._recent = recent

    def recent(self, key: str) -> bytes | None:
        """A pointer's content as it is or was, the sooner of both places; None where it was never written."""
        noted = None if self._recent is None else self._recent.read(key)
        if noted is not None:
            return noted
        found = self.read(key)
        return None if found is None else found[0]

    def read(self, key: str) -> tuple[bytes, str] | None:
        """A pointer's content and tag, strongly consistent; None where it was never written."""
        found = self._bucket.get(self._root + key)
        return None if found is None else (found[0][_NONCE_BYTES:], found[1])

    def swap(self, key: str, content: bytes, tag: str | None) -> bool:
        """Set the pointer if its tag is still `tag` (None: if there is none). Returns whether it was set."""
        swapped = self._swap(key, content, tag)
        if swapped and self._recent is not None:
            with once_written():
                self._recent.note(key, content)
        return swapped

    def _swap(self, key: str, content: bytes, tag: str | None) -> bool:
        body = secrets.token_bytes(_NONCE_BYTES) + content
        written, retried = self._bucket.put(self._root + key, body, if_match=tag, changes=True)
        if written or not retried:
            return written
        # The answer to an earlier attempt was lost. Was it that attempt which moved the tag?
        with once_written():
            there = self._bucket.get(self._root + key)
        if there is not None and there[0] == body:
            return True
        if tag is not None and there is not None and there[1] == tag:
            return False
        raise OutcomeUnknown(
            f"The pointer {key} has changed, and it cannot be told whether by this writer.",
            hint="Read it again and decide anew.",
        )

    def list(self, prefix: str) -> Iterator[tuple[str, int, int]]:
        """(key, size of the content, unix ms of its writing) of each pointer under the prefix."""
        for key, size, at_ms in self._bucket.list(self._root + prefix):
            yield key.removeprefix(self._root), size - _NONCE_BYTES, at_ms

    def delete(self, keys: Sequence[str]) -> None:
        """Remove pointers."""
        self._bucket.delete([self._root + key for key in keys])
        if self._recent is not None:
            for key in keys:
                self._recent.forget(key)
