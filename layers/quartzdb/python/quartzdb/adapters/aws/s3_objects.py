"""Objects that users name by a URL, in whatever buckets they have: read by ranges, written in parts.

Knows nothing of the database's own bucket. An object is read as it was at first, or not at all; one that is written
appears when it is whole.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError, FlexibleChecksumError

from quartzdb.adapters.aws.failure import INTERRUPTED, error_code, told_as_unavailable
from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Conflict, Forbidden, NotFound, Unavailable

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PART_BYTES = 16 * 1024 * 1024
_PARTS_OF_A_SIZE = 2_000
"""After so many parts they are twice as large: S3 takes 10,000 of them, and 5 TB of an object."""
_ATTEMPTS_MAX = 5
_WAIT_SECONDS = 0.1
_ABSENT = {"NoSuchKey", "404", "NotFound"}
_REFUSED = {
    "AccessDenied",
    "403",
    "Forbidden",
    "AllAccessDisabled",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
}
_CHANGED = {"PreconditionFailed", "412"}


class ObjectState(NamedTuple):
    """What an object was: another ETag is another content."""

    size: int
    etag: str


class S3Object:
    """One object. Methods raise NotFound, Forbidden, Unavailable."""

    def __init__(self, client: S3Client, bucket: str, key: str, clock: Clock) -> None:
        self._client = client
        self._place: Any = {"Bucket": bucket, "Key": key}
        self._clock = clock
        self._name = f"s3://{bucket}/{key}"

    def state(self) -> ObjectState:
        """As it is now."""
        with self._told("read", "s3:GetObject"):
            head = self._client.head_object(**self._place)
        return ObjectState(head["ContentLength"], head["ETag"])

    def read(self, state: ObjectState, start: int, length: int) -> bytes:
        """Bytes of it, fewer where it ends before. Raises Conflict where it is not as it was."""
        length = min(length, state.size - start)
        if length <= 0:
            return b""
        for attempt in range(1, _ATTEMPTS_MAX + 1):
            with self._told("read", "s3:GetObject"):
                try:
                    answer = self._client.get_object(
                        **self._place, IfMatch=state.etag, Range=f"bytes={start}-{start + length - 1}"
                    )
                    # botocore repeats requests that fail, but not the reading of an answer's body.
                    body = answer["Body"].read()
                    if len(body) == length:
                        return body
                except (*INTERRUPTED, FlexibleChecksumError):
                    if attempt == _ATTEMPTS_MAX:
                        raise
            self._clock.sleep(_WAIT_SECONDS * 2**attempt)
        raise Unavailable(f"{self._name} gave fewer bytes than it has.", hint="Give the same command again.")

    def begin(self) -> str:
        """An upload in parts, by its id."""
        with self._told("written", "s3:PutObject"):
            return self._client.create_multipart_upload(**self._place)["UploadId"]

    def put_part(self, upload: str, number: int, part: bytes | memoryview) -> str:
        """Its ETag; numbers begin with 1."""
        with self._told("written", "s3:PutObject"):
            answer = self._client.upload_part(
                **self._place, UploadId=upload, PartNumber=number, Body=bytes(part)
            )
        return answer["ETag"]

    def complete(self, upload: str, tags: list[str]) -> None:
        """The object is these parts."""
        parts: Any = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
        with self._told("written", "s3:PutObject"):
            self._client.complete_multipart_upload(
                **self._place, UploadId=upload, MultipartUpload={"Parts": parts}
            )

    def abort(self, upload: str) -> None:
        """Leave nothing of an upload."""
        with self._told("written", "s3:AbortMultipartUpload"):
            self._client.abort_multipart_upload(**self._place, UploadId=upload)

    def put(self, content: bytes) -> None:
        """All of it in one request."""
        with self._told("written", "s3:PutObject"):
            self._client.put_object(**self._place, Body=content)

    @contextmanager
    def _told(self, done: str, right: str) -> Iterator[None]:
        try:
            with told_as_unavailable(self._name):
                try:
                    yield
                except ClientError as error:
                    self._explain(error, done, right)
                    raise
        except ClientError as error:
            said = error.response.get("Error", {}).get("Message", "")
            raise Unavailable(
                f"{self._name} cannot be {done}: {error_code(error)} {said}".rstrip(". ") + ".",
                hint="Check the bucket, its region (AWS_REGION) and the key.",
            ) from error

    def _explain(self, error: ClientError, done: str, right: str) -> None:
        code, bucket = error_code(error), self._place["Bucket"]
        if code == "NoSuchBucket":
            raise NotFound(f"There is no bucket {bucket!r}.", hint="Check its name.") from error
        if code in _ABSENT:
            raise NotFound(
                f"There is no object {self._name}.", hint="Check the bucket and the key."
            ) from error
        if code in _REFUSED:
            raise Forbidden(
                f"{self._name} may not be {done} with these credentials ({code}).",
                hint=f"They need {right} on it. Of an object that is not there S3 says the same to whoever may not "
                f"list the bucket (s3:ListBucket).",
            ) from error
        if code in _CHANGED:
            raise Conflict(
                f"{self._name} was changed while it was read.",
                hint="Give the command again when nobody writes to it.",
            ) from error


class S3ObjectReader(io.RawIOBase):
    """An object as a file: every read is a request for exactly that range."""

    def __init__(self, source: S3Object, state: ObjectState) -> None:
        super().__init__()
        self._source = source
        self._state = state
        self._position = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The position."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """The new position."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._state.size}[whence]
        self._position = origin + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """As many bytes as fit, fewer only at the end."""
        view = memoryview(buffer).cast("B")
        found = self._source.read(self._state, self._position, len(view))
        view[: len(found)] = found
        self._position += len(found)
        return len(found)


class S3ObjectWriter(io.RawIOBase):
    """An object as a file that is written once from its beginning: a part is in memory at a time.

    Nobody sees it before `finish`. What a process leaves behind that was killed is an upload that nobody completes:
    a lifecycle rule of the bucket ends those (AbortIncompleteMultipartUpload).
    """

    def __init__(self, target: S3Object, *, part_bytes: int = PART_BYTES) -> None:
        super().__init__()
        self._target = target
        self._part_bytes = part_bytes
        self._pending = bytearray()
        self._written = 0
        self._upload: str | None = None
        self._tags: list[str] = []

    def writable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Bytes written."""
        return self._written

    def write(self, data: Any) -> int:
        """All of it."""
        view = memoryview(data).cast("B")
        self._pending += view
        self._written += len(view)
        while len(self._pending) >= self._next_part_bytes:
            self._send(self._next_part_bytes)
        return len(view)

    def finish(self) -> None:
        """Have the object appear."""
        if self._upload is None:
            self._target.put(bytes(self._pending))
            return
        if self._pending:
            self._send(len(self._pending))
        self._target.complete(self._upload, self._tags)
        self._upload = None

    def abandon(self) -> None:
        """Leave nothing of it."""
        if self._upload is not None:
            self._target.abort(self._upload)
            self._upload = None

    @property
    def _next_part_bytes(self) -> int:
        return self._part_bytes << (len(self._tags) // _PARTS_OF_A_SIZE)

    def _send(self, size: int) -> None:
        if self._upload is None:
            self._upload = self._target.begin()
        with memoryview(self._pending) as view:
            part = bytes(view[:size])
        self._tags.append(self._target.put_part(self._upload, len(self._tags) + 1, part))
        del self._pending[:size]
