"""Archives in the bucket: multipart uploads that several processes carry on, and links that end.

Nobody sees an upload before it is complete. The lifecycle of the prefix ends archives, and what is left of uploads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from quartzdb.adapters.aws.failure import error_code, told_as_unavailable
from quartzdb.adapters.aws.s3_places import EXPORTS
from quartzdb.adapters.blob_key import check_blob_key

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_NOT_THERE = {"NoSuchKey", "NoSuchUpload", "404"}


class S3Archives:
    """ArchiveStore over a bucket. Thread-safe. Methods raise Unavailable."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._told = f"The S3 bucket {bucket}"

    def begin(self, archive: str) -> str:
        """An upload."""
        with told_as_unavailable(self._told):
            answer = self._client.create_multipart_upload(
                Bucket=self._bucket, Key=_key(archive), ContentType="application/zip"
            )
        return answer["UploadId"]

    def put_part(self, archive: str, upload: str, number: int, part: bytes) -> str:
        """Store a part; its ETag."""
        with told_as_unavailable(self._told):
            answer = self._client.upload_part(
                Bucket=self._bucket, Key=_key(archive), UploadId=upload, PartNumber=number, Body=part
            )
        return answer["ETag"]

    def complete(self, archive: str, upload: str, parts: Sequence[str]) -> None:
        """The archive is its parts."""
        listed: Any = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(parts, 1)]
        with told_as_unavailable(self._told):
            self._client.complete_multipart_upload(
                Bucket=self._bucket, Key=_key(archive), UploadId=upload, MultipartUpload={"Parts": listed}
            )

    def size(self, archive: str) -> int | None:
        """Bytes of one that is complete."""
        with told_as_unavailable(self._told):
            try:
                return self._client.head_object(Bucket=self._bucket, Key=_key(archive))["ContentLength"]
            except ClientError as error:
                if error_code(error) in _NOT_THERE:
                    return None
                raise

    def state(self, archive: str) -> bytes | None:
        """What was kept."""
        with told_as_unavailable(self._told):
            try:
                return self._client.get_object(Bucket=self._bucket, Key=_state_key(archive))["Body"].read()
            except ClientError as error:
                if error_code(error) in _NOT_THERE:
                    return None
                raise

    def keep_state(self, archive: str, state: bytes) -> None:
        """Keep it."""
        with told_as_unavailable(self._told):
            self._client.put_object(
                Bucket=self._bucket, Key=_state_key(archive), Body=state, ChecksumAlgorithm="SHA256"
            )

    def delete(self, archive: str, upload: str | None) -> None:
        """Leave nothing of it."""
        with told_as_unavailable(self._told):
            if upload is not None:
                try:
                    self._client.abort_multipart_upload(
                        Bucket=self._bucket, Key=_key(archive), UploadId=upload
                    )
                except ClientError as error:
                    if error_code(error) not in _NOT_THERE:
                        raise
            # The state last: whoever comes again finds the upload by it.
            for key in (_key(archive), _state_key(archive)):
                self._client.delete_object(Bucket=self._bucket, Key=key)


class S3ArchiveLinks:
    """Links to archives that are whole. Whoever has one needs no other right, until it ends."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def link(self, archive: str, file_name: str, seconds: int) -> str:
        """Good for so long, and never for longer than the credentials of this process. Asks nobody."""
        with told_as_unavailable(f"The S3 bucket {self._bucket}"):
            return self._client.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self._bucket,
                    "Key": _key(archive),
                    "ResponseContentDisposition": f'attachment; filename="{file_name}"',
                    "ResponseCacheControl": "no-store",
                },
                ExpiresIn=seconds,
            )


def _key(archive: str) -> str:
    return f"{EXPORTS}{check_blob_key(archive)}.zip"


def _state_key(archive: str) -> str:
    return f"{EXPORTS}{check_blob_key(archive)}.state"
