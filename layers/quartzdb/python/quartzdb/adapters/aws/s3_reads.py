"""Reads parts of objects at two fifths of the processor time that the SDK's client takes: without its machinery.

Only what goes well is handled here: a plain answer to a GET. Whatever else happens is the client's affair, which is
asked the same again, with all its retries and errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError

from quartzdb.adapters.aws.failure import INTERRUPTED
from quartzdb.adapters.aws.patience import Patience
from quartzdb.adapters.aws.trusting_session import TrustingSession

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from types_boto3_s3 import S3Client

CONNECTIONS_MAX = 64
_SAMPLE_KEY = "key"


class S3Reads:
    """Thread-safe. `credentials` are those of the client's session."""

    def __init__(self, client: S3Client, bucket: str, credentials: Credentials, patience: Patience) -> None:
        self._credentials = credentials
        self._region = client.meta.region_name
        # The stubs know of one number only; the session takes both.
        timeouts: Any = (patience.connect_seconds, patience.read_seconds)
        self._session = TrustingSession(timeout=timeouts, max_pool_connections=CONNECTIONS_MAX)
        # The client knows where the bucket lies: by name, by path, behind an endpoint of its own.
        address = client.generate_presigned_url(
            "get_object", {"Bucket": bucket, "Key": _SAMPLE_KEY}, ExpiresIn=60
        )
        self._base = address.partition("?")[0].removesuffix(_SAMPLE_KEY)

    def get_range(self, key: str, start: int, length: int) -> tuple[bytes, int] | None:
        """Bytes of an object, and its size; None where the answer was not as plain as that."""
        request = AWSRequest(
            "GET",
            self._base + quote(key, safe="/~"),
            headers={"Range": f"bytes={start}-{start + length - 1}", "Accept-Encoding": "identity"},
        )
        try:
            S3SigV4Auth(self._credentials.get_frozen_credentials(), "s3", self._region).add_auth(request)
            answer = self._session.send(request.prepare())
        except (BotoCoreError, *INTERRUPTED):
            return None
        if answer.status_code != 206:
            return None
        # "bytes 0-99/1234"
        part, _, size = answer.headers.get("Content-Range", "").rpartition("/")
        body: bytes = answer.content
        announced = f"bytes {start}-{start + len(body) - 1}"
        return (body, int(size)) if body and part == announced and size.isdecimal() else None
