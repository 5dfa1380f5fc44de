"""Reads parts of objects without the SDK's machinery, and all parts at once without a thread for each.

Only what goes well is handled here: a plain answer to a GET. Whatever else happens is the client's affair, which is
asked the same again, with all its retries and errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from quartzdb.adapters.aws.exchange import PlainAnswer
from quartzdb.adapters.aws.many_requests import ManyRequests
from quartzdb.adapters.aws.patience import Patience
from quartzdb.adapters.aws.signed_request import RequestSigner
from quartzdb.adapters.aws.trusting_session import trusting_context
from quartzdb.domain.clock import Clock

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from types_boto3_s3 import S3Client

_SAMPLE_KEY = "key"


class S3Reads:
    """Thread-safe. `credentials` are those of the client's session."""

    def __init__(
        self,
        client: S3Client,
        bucket: str,
        credentials: Credentials,
        patience: Patience,
        clock: Clock,
    ) -> None:
        self._signer = RequestSigner("s3", client.meta.region_name, credentials, clock)
        # The client knows where the bucket lies: by name, by path, behind an endpoint of its own.
        address = client.generate_presigned_url(
            "get_object", {"Bucket": bucket, "Key": _SAMPLE_KEY}, ExpiresIn=60
        )
        self._base = address.partition("?")[0].removesuffix(_SAMPLE_KEY)
        self._server = ManyRequests(self._base, patience, trusting_context)

    def get_ranges(
        self, key: str, ranges: Sequence[tuple[int, int]]
    ) -> list[tuple[bytes | bytearray, int] | None]:
        """The bytes of each (start, length) of an object, and its size, all at once; None where the answer was not as
        plain as that.
        """
        credentials = self._signer.credentials()
        if credentials is None:
            return [None] * len(ranges)
        url = self._base + quote(key, safe="/~")
        requests = []
        for start, length in ranges:
            headers = {"range": f"bytes={start}-{start + length - 1}", "accept-encoding": "identity"}
            requests.append(self._signer.request("GET", url, headers, b"", credentials))
        return [
            _part(answer, start)
            for answer, (start, _) in zip(self._server.ask(requests), ranges, strict=True)
        ]


def _part(answer: PlainAnswer | None, start: int) -> tuple[bytes | bytearray, int] | None:
    if answer is None or answer.status != 206 or not answer.body:
        return None
    # "bytes 0-99/1234"
    part, _, size = answer.headers.get(b"content-range", b"").rpartition(b"/")
    announced = b"bytes %d-%d" % (start, start + len(answer.body) - 1)
    return (answer.body, int(size)) if part == announced and size.isdigit() else None
