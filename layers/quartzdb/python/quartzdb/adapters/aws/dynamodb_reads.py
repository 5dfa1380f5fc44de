"""Reads from DynamoDB without the SDK's machinery, which takes several times as much of a processor as the rest.

Only what goes well is handled here. Whatever else happens is the client's affair, which is asked the same again, with
all its retries and errors.
"""

from __future__ import annotations

import binascii
import zlib
from base64 import b64decode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from quartzdb.adapters.aws.many_requests import ManyRequests
from quartzdb.adapters.aws.patience import Patience
from quartzdb.adapters.aws.signed_request import RequestSigner
from quartzdb.adapters.aws.trusting_session import trusting_context
from quartzdb.domain.clock import Clock

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from types_boto3_dynamodb import DynamoDBClient

_API = "DynamoDB_20120810"


class DynamoReads:
    """Thread-safe. `credentials` are those of the client's session."""

    def __init__(
        self,
        client: DynamoDBClient,
        credentials: Credentials,
        patience: Patience,
        clock: Clock,
    ) -> None:
        self._url = client.meta.endpoint_url.rstrip("/") + "/"
        self._signer = RequestSigner("dynamodb", client.meta.region_name, credentials, clock)
        self._server = ManyRequests(self._url, patience, trusting_context)

    def ask(self, operation: str, arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What the client's method would return for a read, without metadata; None where it did not go well."""
        credentials = self._signer.credentials()
        if credentials is None:
            return None
        headers = {
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": f"{_API}.{operation}",
            "accept-encoding": "identity",
        }
        try:
            body = orjson.dumps(arguments)
        except TypeError:
            return None  # bytes among the values, which no read of ours has
        (answer,) = self._server.ask([self._signer.request("POST", self._url, headers, body, credentials)])
        if answer is None or answer.status != 200:
            return None
        announced = answer.headers.get(b"x-amz-crc32")
        if announced is not None and announced != b"%d" % zlib.crc32(answer.body):
            return None
        try:
            return _decoded(orjson.loads(answer.body))
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
            return None


def _decoded(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer with bytes where its items have them in base 64."""
    items = list(answer.get("Items", ()))
    if "Item" in answer:
        items.append(answer["Item"])
    for of_table in answer.get("Responses", {}).values():
        items += of_table
    for item in items:
        for value in item.values():
            if "B" in value:
                value["B"] = b64decode(value["B"], validate=True)
    return answer
