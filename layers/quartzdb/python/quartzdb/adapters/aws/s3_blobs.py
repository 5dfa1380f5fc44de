"""Blobs and pointers in S3: an object per key, under the prefixes of s3_places.py.

A blob's object is written once. S3 verifies what it gets by SHA-256, and what `get` reads is verified again;
copies and ranges are verified by whoever knows what they must be.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from os.path import commonprefix
from pathlib import Path

from quartzdb.adapters.aws.s3_bucket import Part, S3Bucket
from quartzdb.adapters.aws.s3_local_files import S3LocalFiles
from quartzdb.adapters.aws.s3_places import POINTERS, root_of, roots_of
from quartzdb.adapters.aws.s3_pointers import RecentPointers, S3Pointers
from quartzdb.adapters.aws.s3_ranges import coalesce
from quartzdb.adapters.blob_key import check_blob_key, check_blob_prefix
from quartzdb.domain.errors import Corrupted, Unavailable
from quartzdb.storage.ports import BlobMissing

_THREADS_MAX = 48
"""For what the SDK is asked for: most of what threads do is wait."""
_PUT_ATTEMPTS_MAX = 3
_PART_BYTES = 8 * 1024 * 1024
"""One stream from S3 carries some 90 MB/s, so a large file comes in several."""


class S3Blobs:
    """BlobStore over an S3Bucket; `files` keeps the copies that `local_file` hands out, `recent` notes pointers."""

    remote = True

    def __init__(self, bucket: S3Bucket, files: S3LocalFiles, recent: RecentPointers | None = None) -> None:
        self._bucket = bucket
        self._files = files
        self._pointers = S3Pointers(bucket, POINTERS, recent)
        self._threads = ThreadPoolExecutor(_THREADS_MAX, thread_name_prefix="s3-ranges")

    def put(self, key: str, data: bytes | Path) -> None:
        """Store a blob durably. Putting the same content again changes nothing; raises Corrupted for another size."""
        place = _place(key)
        size = len(data) if isinstance(data, bytes) else data.stat().st_size
        for _ in range(_PUT_ATTEMPTS_MAX):
            put = (
                self._bucket.put(place, data)
                if isinstance(data, bytes)
                else self._bucket.put_file(place, data)
            )
            if put.written:
                return
            there = self._bucket.size(place)
            if there == size:
                return
            if there is not None:
                raise Corrupted(
                    f"The blob {key!r} is there with {there} bytes, not with the {size} to be written.",
                    hint="Blobs never change: find out who writes to the bucket.",
                )
        raise Unavailable(f"The blob {key!r} was deleted again and again.", hint="Try again in a moment.")

    def get(self, key: str) -> bytes:
        """All bytes. Raises BlobMissing."""
        found = self._bucket.get(_place(key))
        if found is None:
            raise BlobMissing(key)
        return found[0]

    def read_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> Sequence[bytes | bytearray]:
        """The bytes of each (start, length), neighbours by one request, requests side by side.

        Raises BlobMissing, and Corrupted where the blob ends before a range.
        """
        place = _place(key)
        requests = coalesce(ranges)
        parts = list(self._bucket.soon(place, requests))
        left = [number for number, part in enumerate(parts) if part is None]
        again = [requests[number] for number in left]
        for number, part in zip(left, self._patiently(place, again), strict=True):
            if part is None:
                raise BlobMissing(key)
            parts[number] = part
        fetched = [(first, part[0]) for (first, _), part in zip(requests, parts, strict=True) if part]
        return [_cut(key, fetched, start, length) for start, length in ranges]

    def _patiently(self, place: str, requests: Sequence[tuple[int, int]]) -> Iterable[Part | None]:
        def get(request: tuple[int, int]) -> Part | None:
            return self._bucket.get_range_patiently(place, *request)

        return map(get, requests) if len(requests) == 1 else self._threads.map(get, requests)

    def local_file(self, key: str) -> Path:
        """The copy on this machine: it must not be written to. Raises BlobMissing, NoRoomForCopy."""
        place = _place(key)
        path = self._files.file(key, lambda part: self._download(place, part))
        if path is None:
            raise BlobMissing(key)
        return path

    def forget_copy(self, key: str) -> None:
        """Remove the copy on this machine."""
        self._files.forget(check_blob_key(key))

    def list(self, prefix: str) -> Iterator[tuple[str, int, int]]:
        """(key, size, unix ms of its writing, by S3's clock) of each blob and pointer under the prefix."""
        check_blob_prefix(prefix)
        return self._list(prefix)

    def delete(self, keys: Sequence[str]) -> None:
        """Remove blobs and pointers; one that is not there is no error."""
        wanted = {check_blob_key(key) for key in keys}
        if not wanted:
            return
        # Deleting what is not there would leave a marker in a versioned bucket, so pointers are told from blobs first.
        shared = commonprefix([min(wanted), max(wanted)])  # noqa: RUF071 - keys are compared by character here
        pointers = [key for key, _, _ in self._pointers.list(shared) if key in wanted]
        self._bucket.delete([_place(key) for key in sorted(wanted.difference(pointers))])
        self._pointers.delete(pointers)
        for key in wanted:
            self._files.forget(key)

    def read_pointer(self, key: str) -> tuple[bytes, str] | None:
        """A pointer's content and tag, strongly consistent; None where it was never written."""
        return self._pointers.read(check_blob_key(key))

    def recent_pointer(self, key: str) -> bytes | None:
        """A pointer's content as it is or was; None where it was never written."""
        return self._pointers.recent(check_blob_key(key))

    def swap_pointer(self, key: str, content: bytes, tag: str | None) -> bool:
        """Set the pointer if its tag is still `tag` (None: if there is none). Returns whether it was set; durable."""
        return self._pointers.swap(check_blob_key(key), content, tag)

    def _download(self, place: str, path: Path) -> bool:
        """Write an object into a file, in parts side by side; False where there is none. Its reader verifies it."""
        found = self._bucket.get_range_of(place, 0, _PART_BYTES)
        if found is None:
            return False
        beginning, size = found
        self._files.check_room(size)
        starts = range(len(beginning), size, _PART_BYTES)
        with path.open("wb", buffering=0) as file:
            os.pwrite(file.fileno(), beginning, 0)

            def fetch(start: int) -> None:
                piece = self._bucket.get_range(place, start, min(_PART_BYTES, size - start))
                if piece is None or len(piece) != min(_PART_BYTES, size - start):
                    raise Unavailable(f"{place} was removed while it was read.", hint="Try again.")
                os.pwrite(file.fileno(), piece, start)

            for _ in self._threads.map(fetch, starts):
                pass
        return True

    def _list(self, prefix: str) -> Iterator[tuple[str, int, int]]:
        for root in roots_of(prefix):
            for key, size, at_ms in self._bucket.list(root + prefix):
                yield key.removeprefix(root), size, at_ms
        yield from self._pointers.list(prefix)


def _place(key: str) -> str:
    return root_of(key) + check_blob_key(key)


def _cut(
    key: str, fetched: Sequence[tuple[int, bytes | bytearray]], start: int, length: int
) -> bytes | bytearray:
    if length == 0:
        return b""
    first, piece = next(one for one in reversed(fetched) if one[0] <= start)
    if start + length > first + len(piece):
        raise Corrupted(
            f"The blob {key!r} ends before byte {start + length}.", hint="Restore it from a backup."
        )
    return piece if length == len(piece) else piece[start - first : start - first + length]
