"""The published routing state as one object of the data bucket, which the edge reads. Owns `routing/state.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quartzdb.adapters.aws.failure import told_as_unavailable
from quartzdb.routing.ports import PUBLISHED_KEY

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


class S3RoutingPublisher:
    """RoutingPublisher over a bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def publish(self, document: bytes) -> None:
        """Replace the object. Raises Unavailable."""
        with told_as_unavailable(f"The S3 bucket {self._bucket}"):
            self._client.put_object(
                Bucket=self._bucket,
                Key=PUBLISHED_KEY,
                Body=document,
                ContentType="application/json",
                # The edge keeps it for some seconds by itself; nobody in between may keep it for longer.
                CacheControl="no-cache",
                ChecksumAlgorithm="SHA256",
            )
