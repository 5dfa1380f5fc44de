"""Earlier versions of the blobs and pointers of a versioned bucket: listing them, and bringing them back.

Owns nothing under a key; it changes what an operator restores. Only ever used while nobody else writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from quartzdb.adapters.aws.failure import told_as_unavailable
from quartzdb.adapters.aws.s3_bucket import DELETED_AT_ONCE_MAX, S3Bucket
from quartzdb.adapters.aws.s3_places import BLOB_ROOTS, POINTERS, root_of
from quartzdb.adapters.aws.s3_pointers import S3Pointers
from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Conflict, Unavailable
from quartzdb.storage.ports import BlobVersion

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_NONCE_BYTES = 16
"""What S3Pointers puts before a pointer's content."""


class S3Versions:
    """BlobHistory over a bucket."""

    def __init__(self, client: S3Client, name: str, clock: Clock) -> None:
        self._client = client
        self._name = name
        self._pointers = S3Pointers(S3Bucket(client, name, clock), POINTERS)

    def versions(self) -> Iterator[BlobVersion]:
        """All versions and deletions, key after key. Raises Conflict where the bucket keeps none."""
        with self._told():
            status = self._client.get_bucket_versioning(Bucket=self._name).get("Status")
        if status != "Enabled":
            raise Conflict(
                f"The bucket {self._name} keeps no versions.",
                hint="What was overwritten or deleted in it is gone. Is it the bucket of the data stack?",
            )
        return self._versions()

    def undelete(self, deletions: Sequence[BlobVersion]) -> None:
        """Take deletions back: what they hid is current again, without a byte being copied."""
        for start in range(0, len(deletions), DELETED_AT_ONCE_MAX):
            some = deletions[start : start + DELETED_AT_ONCE_MAX]
            wanted: Any = {
                "Objects": [{"Key": _place(one), "VersionId": one.id} for one in some],
                "Quiet": True,
            }
            with self._told():
                errors = self._client.delete_objects(Bucket=self._name, Delete=wanted).get("Errors", ())
            if errors:
                raise Unavailable(
                    f"S3 did not take back {len(errors)} of {len(some)} deletions in {self._name}: "
                    f"{errors[0].get('Key')}: {errors[0].get('Code')}.",
                    hint="Whoever restores needs s3:DeleteObjectVersion. Restoring again is safe.",
                )

    def put_back(self, pointer: BlobVersion) -> None:
        """Make an earlier content of a pointer the current one, under a new tag."""
        with self._told():
            body = self._client.get_object(Bucket=self._name, Key=_place(pointer), VersionId=pointer.id)[
                "Body"
            ].read()
        there = self._pointers.read(pointer.key)
        if not self._pointers.swap(pointer.key, body[_NONCE_BYTES:], there[1] if there else None):
            raise Conflict(
                f"The pointer {pointer.key} was changed while it was restored.",
                hint="Stop everything that writes to the database, then restore again.",
            )

    def remove(self, pointers: Sequence[BlobVersion]) -> None:
        """Delete pointers; their versions stay."""
        self._pointers.delete([one.key for one in pointers])

    def _versions(self) -> Iterator[BlobVersion]:
        for root in (*BLOB_ROOTS, POINTERS):
            place: dict[str, Any] = {}
            while True:
                with self._told():
                    page = self._client.list_object_versions(Bucket=self._name, Prefix=root, **place)
                # Two lists in the answer, each by key: a key's versions and deletions have to come together.
                found = [_version(root, one, deletion=False) for one in page.get("Versions", ())]
                found += [_version(root, one, deletion=True) for one in page.get("DeleteMarkers", ())]
                yield from sorted(found, key=lambda one: one.key)
                if not page.get("IsTruncated"):
                    break
                place = {"KeyMarker": page["NextKeyMarker"]}
                if page.get("NextVersionIdMarker"):
                    place["VersionIdMarker"] = page["NextVersionIdMarker"]

    def _told(self) -> Any:
        return told_as_unavailable(f"The S3 bucket {self._name}")


def _version(root: str, found: Any, *, deletion: bool) -> BlobVersion:
    return BlobVersion(
        key=found["Key"].removeprefix(root),
        pointer=root == POINTERS,
        id=found["VersionId"],
        at_ms=int(found["LastModified"].timestamp() * 1000),
        deletion=deletion,
        current=bool(found["IsLatest"]),
    )


def _place(version: BlobVersion) -> str:
    return (POINTERS if version.pointer else root_of(version.key)) + version.key
