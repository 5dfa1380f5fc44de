"""Requests and answers of a Lambda@Edge origin-request event, for Mangum.

In place of Mangum's own handler, whose answers CloudFront refuses (a number for a status, `isBase64Encoded`) and which
keeps only the first of repeated headers and no encoded path. What CloudFront takes of a generated answer:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/lambda-generating-http-responses.html
"""

from __future__ import annotations

import base64
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from quartzdb.api.errors import PROBLEM
from quartzdb.api.refusals import AnswerTooLarge, BodyTooLarge
from quartzdb.aws_lambda.early_answer import early_answer
from quartzdb.aws_lambda.invocation import Invocation, RawHeaders, attach, identified
from quartzdb.aws_lambda.response_body import response_body

REQUEST_BODY_BYTES_MAX = 1024 * 1024
"""CloudFront cuts a body at an origin-request event here."""
RESPONSE_BYTES_MAX = 1024 * 1024
"""CloudFront's limit for a generated answer, headers included."""
_BODY_BYTES_MAX = RESPONSE_BYTES_MAX - 32 * 1024

# An answer with one of these is a 502. CloudFront writes content-length itself.
_DISALLOWED = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "warning",
        "x-cache",
        "x-forwarded-proto",
        "x-real-ip",
    }
)
_DISALLOWED_PREFIXES = ("x-accel-", "x-amz-cf-", "x-edge-")


class OriginRequest:
    """One request. Implements Mangum's protocol of a handler."""

    def __init__(self, event: Any, context: Any, config: Any) -> None:  # noqa: ARG002 - Mangum's protocol
        self._request = request = event["Records"][0]["cf"]["request"]
        headers = _pairs(request.get("headers") or {})
        # As the origin would see it: with what CloudFront adds for it.
        headers += _pairs((request.get("origin") or {}).get("custom", {}).get("customHeaders") or {})
        self._request_id = identified(headers, context)
        truncated = bool((request.get("body") or {}).get("inputTruncated"))
        host = next((value.decode("latin-1") for name, value in headers if name == b"host"), "localhost")
        self.scope = attach(
            {
                "type": "http",
                "asgi": {"version": "3.0", "spec_version": "2.3"},
                "http_version": "1.1",
                "method": request["method"],
                "scheme": "https",
                "path": unquote(request["uri"]),
                "raw_path": request["uri"].encode(),
                "root_path": "",
                "query_string": (request.get("querystring") or "").encode(),
                "headers": headers,
                "server": (host, 443),
                "client": (request.get("clientIp", ""), 0),
            },
            Invocation(
                self._request_id,
                context.get_remaining_time_in_millis,
                BodyTooLarge(REQUEST_BODY_BYTES_MAX) if truncated else None,
            ),
        )

    @classmethod
    def infer(cls, event: Any, context: Any, config: Any) -> bool:  # noqa: ARG003 - Mangum's protocol
        """Whether the event is one of these."""
        records = event.get("Records") or [{}]
        return "request" in records[0].get("cf", {})

    @property
    def body(self) -> bytes:
        """The request's."""
        body = self._request.get("body") or {}
        data: str = body.get("data") or ""
        return base64.b64decode(data) if body.get("encoding") == "base64" else data.encode()

    def __call__(self, response: Any) -> dict[str, Any]:
        """The answer as CloudFront takes it."""
        pairs = [
            (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response["headers"]
        ]
        names = dict(pairs)
        body = response_body(
            response["body"],
            names.get("content-type", ""),
            is_coded="content-encoding" in names,
            bytes_max=_BODY_BYTES_MAX,
        )
        if body is None:
            return self._too_large()
        return _generated(
            response["status"],
            pairs,
            body.text,
            "base64" if body.encoded else "text",
            self._request["method"],
        )

    def _too_large(self) -> dict[str, Any]:
        answer = early_answer(AnswerTooLarge(_BODY_BYTES_MAX * 3 // 4), self.scope["path"], self._request_id)
        pairs = [(name.lower(), value) for name, value in answer.headers]
        pairs.append(("content-type", answer.content_type or PROBLEM))
        return _generated(answer.status, pairs, answer.body.decode(), "text", self._request["method"])


def _pairs(headers: dict[str, list[dict[str, str]]]) -> RawHeaders:
    return [
        (name.lower().encode(), each["value"].encode()) for name, values in headers.items() for each in values
    ]


def _generated(
    status: int, pairs: list[tuple[str, str]], body: str, encoding: str, method: str
) -> dict[str, Any]:
    headers: dict[str, list[dict[str, str]]] = {}
    for name, value in pairs:
        if name not in _DISALLOWED and not name.startswith(_DISALLOWED_PREFIXES):
            headers.setdefault(name, []).append({"key": name, "value": value})
    answer: dict[str, Any] = {
        "status": str(status),
        "statusDescription": HTTPStatus(status).phrase,
        "headers": headers,
    }
    if body and method != "HEAD":
        answer |= {"body": body, "bodyEncoding": encoding}
    return answer
