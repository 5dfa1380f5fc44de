"""The one bucket: requests, and repetition where an answer broke off in the middle. Knows nothing of blobs' meaning.

botocore repeats requests that fail, but not the reading of an answer's body: that is done here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol, TypeVar

from botocore.exceptions import ClientError, FlexibleChecksumError

from quartzdb.adapters.aws.failure import INTERRUPTED, error_code, told_as_unavailable, was_retried
from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Unavailable

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

T = TypeVar("T")

DELETED_AT_ONCE_MAX = 1_000
MULTIPART_FROM_BYTES = 64 * 1024 * 1024
"""Above this a file is sent in parts side by side: one stream to S3 carries some 80 MB/s."""
_ATTEMPTS_MAX = 4
_WAIT_SECONDS = 0.05


class ConditionalPut(NamedTuple):
    """How a conditional put ended. `retried`: an earlier attempt of the client may have been the one that wrote."""

    written: bool
    retried: bool


Part = tuple[bytes | bytearray, int]
"""Bytes of an object, and its size."""


class RangeReads(Protocol):
    """A shorter way to read ranges than the client's."""

    def get_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> Sequence[Part | None]:
        """Each (start, length), side by side; None for whatever did not go well."""
        ...


class S3Bucket:
    """Thread-safe. Every method raises Unavailable when S3 cannot be asked, after bounded retries.

    Ranges are read by `reads`, where there are some, and by the client whenever that does not go well.
    """

    def __init__(
        self,
        client: S3Client,
        name: str,
        clock: Clock,
        *,
        multipart_from_bytes: int = MULTIPART_FROM_BYTES,
        reads: RangeReads | None = None,
    ) -> None:
        self._client = client
        self._reads = reads
        self._name = name
        self._clock = clock
        self._multipart_from_bytes = multipart_from_bytes

    def put(
        self, key: str, body: bytes | BinaryIO, *, if_match: str | None = None, changes: bool = False
    ) -> ConditionalPut:
        """Write an object if it has this ETag, or (None) if there is none. S3 checks its SHA-256 on arrival.

        `changes`: readers see it at once, so a lost answer is an OutcomeUnknown. Nobody sees an object before something
        names it.
        """
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if if_match is None else {"IfMatch": if_match}

        def put() -> ConditionalPut:
            try:
                answer = self._client.put_object(
                    Bucket=self._name, Key=key, Body=body, ChecksumAlgorithm="SHA256", **condition
                )
            except ClientError as error:
                # NoSuchKey: there is nothing that could have the ETag.
                if error_code(error) in {"PreconditionFailed", "412", "NoSuchKey", "404"}:
                    return ConditionalPut(False, was_retried(error.response))
                raise
            return ConditionalPut(True, was_retried(answer))

        return self._repeated(put, writes=changes)

    def put_file(self, key: str, path: Path) -> ConditionalPut:
        """Write an object from a file: as `put`, but a large one in parts, whatever is there."""
        if path.stat().st_size < self._multipart_from_bytes:
            with path.open("rb") as file:
                return self.put(key, file)
        from s3transfer.manager import TransferConfig, TransferManager

        config = TransferConfig(multipart_threshold=self._multipart_from_bytes, max_request_concurrency=8)
        with (
            told_as_unavailable(f"The S3 bucket {self._name}"),
            TransferManager(self._client, config) as transfer,
        ):
            checked = {"ChecksumAlgorithm": "SHA256"}
            transfer.upload(str(path), self._name, key, extra_args=checked).result()
        return ConditionalPut(True, False)

    def get(self, key: str) -> tuple[bytes, str] | None:
        """An object and its ETag, checked against its checksum; None where there is none."""

        def get() -> tuple[bytes, str]:
            answer = self._client.get_object(Bucket=self._name, Key=key, ChecksumMode="ENABLED")
            with _reading():
                return answer["Body"].read(), answer["ETag"]

        return self._found(get)

    def get_range(self, key: str, start: int, length: int) -> bytes | bytearray | None:
        """Bytes of an object, fewer where it ends before; None where there is no object."""
        found = self.get_range_of(key, start, length)
        return None if found is None else found[0]

    def get_range_of(self, key: str, start: int, length: int) -> Part | None:
        """Bytes of an object, and its size (0 where it ends before they begin); None where there is no object."""
        (soon,) = self.soon(key, [(start, length)])
        return soon or self.get_range_patiently(key, start, length)

    def soon(self, key: str, ranges: Sequence[tuple[int, int]]) -> Sequence[Part | None]:
        """What of these ranges can be had at once; None for the others, which have to be asked for patiently."""
        return [None] * len(ranges) if self._reads is None else self._reads.get_ranges(key, ranges)

    def get_range_patiently(self, key: str, start: int, length: int) -> tuple[bytes, int] | None:
        """As `get_range_of`, by the client and with its retries."""

        def get() -> tuple[bytes, int]:
            try:
                answer = self._client.get_object(
                    Bucket=self._name, Key=key, Range=f"bytes={start}-{start + length - 1}"
                )
            except ClientError as error:
                if error_code(error) in {"InvalidRange", "416"}:
                    return b"", 0
                raise
            with _reading():
                # "bytes 0-99/1234"; an answer without it is the whole object.
                size = int(answer.get("ContentRange", f"/{answer['ContentLength']}").rpartition("/")[2])
                return answer["Body"].read(), size

        return self._found(get)

    def size(self, key: str) -> int | None:
        """The size of an object in bytes; None where there is none."""
        return self._found(lambda: self._client.head_object(Bucket=self._name, Key=key)["ContentLength"])

    def list(self, prefix: str) -> Iterator[tuple[str, int, int]]:
        """(key, size, unix ms of its writing) of each object under the prefix, in key order."""
        token: dict[str, Any] = {}
        while True:
            answer = self._repeated(
                partial(self._client.list_objects_v2, Bucket=self._name, Prefix=prefix, **token)
            )
            for found in answer.get("Contents", ()):
                yield found["Key"], found["Size"], int(found["LastModified"].timestamp() * 1000)
            if not answer.get("IsTruncated"):
                return
            token = {"ContinuationToken": answer["NextContinuationToken"]}

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; one that is not there is no error."""
        for start in range(0, len(keys), DELETED_AT_ONCE_MAX):
            some: list[Any] = [{"Key": key} for key in keys[start : start + DELETED_AT_ONCE_MAX]]
            wanted: Any = {"Objects": some, "Quiet": True}
            answer = self._repeated(partial(self._client.delete_objects, Bucket=self._name, Delete=wanted))
            errors = answer.get("Errors", ())
            if errors:
                raise Unavailable(
                    f"S3 did not delete {len(errors)} of {len(some)} objects in {self._name}: "
                    f"{errors[0].get('Key')}: {errors[0].get('Code')}.",
                    hint="Deleting them again is safe.",
                )

    def _found(self, call: Callable[[], T]) -> T | None:
        def asked() -> T | None:
            try:
                return call()
            except ClientError as error:
                if error_code(error) in {"NoSuchKey", "404"}:
                    return None
                raise

        return self._repeated(asked)

    def _repeated(self, call: Callable[[], T], *, writes: bool = False) -> T:
        attempt = 0
        while True:
            attempt += 1
            with told_as_unavailable(f"The S3 bucket {self._name}", writes=writes):
                try:
                    return call()
                except _BrokenOff as broken:
                    if attempt == _ATTEMPTS_MAX:
                        raise broken.error from None
                except ClientError as error:
                    # Another conditional write to this key is under way: S3 asks to come again.
                    contended = error_code(error) in {"ConditionalRequestConflict", "OperationAborted"}
                    if not contended or attempt == _ATTEMPTS_MAX:
                        raise
            self._clock.sleep(_WAIT_SECONDS * 2**attempt)


class _BrokenOff(Exception):
    """An answer that began well did not arrive whole, or not unharmed."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


@contextmanager
def _reading() -> Iterator[None]:
    # Only what happens here: the client has already repeated requests that got no answer.
    try:
        yield
    except (*INTERRUPTED, FlexibleChecksumError) as error:
        raise _BrokenOff(error) from error
