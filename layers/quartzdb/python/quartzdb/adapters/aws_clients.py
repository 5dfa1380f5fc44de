"""The clients of AWS: where they connect, how long they wait and how often they try. Nothing else makes a client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from quartzdb.adapters.aws_failure import told_as_unavailable

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often one service is asked before the caller is told that it is unavailable.

    `attempts_max` counts the first one. Between attempts the client waits for a random part of 1, 2, 4 … seconds
    (botocore's standard mode), and stops early when most of what it sends fails.
    """

    connect_seconds: float
    read_seconds: float
    attempts_max: int


# A writer that waited for more than a second appends again under a fresh stamp anyway, so long waits gain nothing.
DYNAMODB_PATIENCE = Patience(connect_seconds=1, read_seconds=2, attempts_max=4)
# The read timeout is between two pieces of an answer, not for the whole of it.
S3_PATIENCE = Patience(connect_seconds=2, read_seconds=10, attempts_max=5)


def dynamodb_client(
    *, region: str | None, endpoint_url: str | None = None, patience: Patience = DYNAMODB_PATIENCE
) -> DynamoDBClient:
    """A client for many threads. `endpoint_url` None is AWS itself."""
    with told_as_unavailable("DynamoDB"):
        return boto3.session.Session().client(
            "dynamodb",
            region_name=region,
            endpoint_url=endpoint_url,
            config=_config(patience, connections_max=64),
        )


def s3_client(
    *,
    region: str | None,
    endpoint_url: str | None = None,
    patience: Patience = S3_PATIENCE,
    path_style: bool = False,
) -> S3Client:
    """A client for many threads. `path_style` is for emulators, which have no host name per bucket."""
    config = _config(patience, connections_max=64)
    if path_style:
        config = config.merge(Config(s3={"addressing_style": "path"}))
    with told_as_unavailable("S3"):
        return boto3.session.Session().client(
            "s3", region_name=region, endpoint_url=endpoint_url, config=config
        )


def _config(patience: Patience, connections_max: int) -> Config:
    return Config(
        connect_timeout=patience.connect_seconds,
        read_timeout=patience.read_seconds,
        retries={"mode": "standard", "total_max_attempts": patience.attempts_max},
        max_pool_connections=connections_max,
        tcp_keepalive=True,  # a Lambda that was frozen finds its connections gone; this notices it sooner
        user_agent_extra="quartzdb",
    )
