"""Objects of S3 that a user names by a URL, asked for with the credentials, region and endpoint of the process."""

from __future__ import annotations

from quartzdb.adapters.aws.s3_objects import ObjectState, S3Object, S3ObjectReader, S3ObjectWriter
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.wiring.aws_clients import AwsClients

__all__ = ["ObjectState", "S3Object", "S3ObjectReader", "S3ObjectWriter", "s3_object"]


def s3_object(bucket: str, key: str) -> S3Object:
    """One of them, there or not. Raises Unavailable where no client can be made."""
    return S3Object(AwsClients().s3, bucket, key, SystemClock())
