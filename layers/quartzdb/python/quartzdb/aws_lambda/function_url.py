"""Requests and answers of a Function URL (payload 2.0), for Mangum.

In place of Mangum's own handler, which drops the raw path (an encoded slash in a key would become a plain one) and
labels every answer without a type as JSON. Format: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import unquote

from quartzdb.api.asgi import RawHeaders
from quartzdb.api.errors import PROBLEM
from quartzdb.aws_lambda.early_answer import early_answer
from quartzdb.aws_lambda.invocation import Invocation, attach, identified
from quartzdb.domain.errors import AnswerTooLarge
from quartzdb.domain.values import dataclass

RESPONSE_BYTES_MAX = 6_291_556
"""Lambda's limit for an answer, all of its JSON."""
_HEADERS_BYTES_MAX = 64 * 1024
_BODY_BYTES_MAX = RESPONSE_BYTES_MAX - _HEADERS_BYTES_MAX
_TEXT = frozenset(
    {"application/json", "application/problem+json", "application/javascript", "application/xml"}
)
_ESCAPED_TIMES_MAX = 6
"""A control character becomes six in JSON: what no text can exceed when it is quoted."""


class FunctionUrl:
    """One request, that came through CloudFront. Implements Mangum's protocol of a handler."""

    _behind_cloudfront = True

    def __init__(self, event: Any, context: Any, config: Any) -> None:  # noqa: ARG002 - Mangum's protocol
        self._event = event
        request = event["requestContext"]["http"]
        headers: RawHeaders = [
            (name.lower().encode(), value.encode()) for name, value in (event.get("headers") or {}).items()
        ]
        if event.get("cookies"):
            headers = [pair for pair in headers if pair[0] != b"cookie"]
            headers.append((b"cookie", "; ".join(event["cookies"]).encode()))
        self._request_id = identified(headers, context)
        raw_path = event.get("rawPath") or "/"
        self.scope = attach(
            {
                "type": "http",
                "asgi": {"version": "3.0", "spec_version": "2.3"},
                "http_version": "1.1",
                "method": request["method"],
                "scheme": "https",
                "path": unquote(raw_path),
                "raw_path": raw_path.encode(),
                "root_path": "",
                "query_string": (event.get("rawQueryString") or "").encode(),
                "headers": headers,
                "server": (event["requestContext"].get("domainName", "localhost"), 443),
                "client": (
                    _viewer(headers, request.get("sourceIp", ""))
                    if self._behind_cloudfront
                    else (request.get("sourceIp", ""), 0)
                ),
            },
            Invocation(self._request_id, context.get_remaining_time_in_millis),
        )

    @classmethod
    def infer(cls, event: Any, context: Any, config: Any) -> bool:  # noqa: ARG003 - Mangum's protocol
        """Whether the event is one of these."""
        return event.get("version") == "2.0" and "http" in event.get("requestContext", {})

    @property
    def body(self) -> bytes:
        """The request's."""
        body: str = self._event.get("body") or ""
        return base64.b64decode(body) if self._event.get("isBase64Encoded") else body.encode()

    def __call__(self, response: Any) -> dict[str, Any]:
        """The answer as Lambda takes it."""
        headers: dict[str, str] = {}
        cookies: list[str] = []
        for raw_name, raw_value in response["headers"]:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            if name == "set-cookie":
                cookies.append(value)
            else:
                headers[name] = f"{headers[name]}, {value}" if name in headers else value
        body = _body_of(
            response["body"],
            headers.get("content-type", ""),
            is_coded="content-encoding" in headers,
            bytes_max=_BODY_BYTES_MAX,
        )
        if body is None:
            return self._too_large()
        answer: dict[str, Any] = {
            "statusCode": response["status"],
            "headers": headers,
            "body": body.text,
            "isBase64Encoded": body.encoded,
        }
        return {**answer, "cookies": cookies} if cookies else answer

    def _too_large(self) -> dict[str, Any]:
        # In base64 three bytes take four.
        error = AnswerTooLarge(_BODY_BYTES_MAX * 3 // 4)
        answer = early_answer(error, self.scope["path"], self._request_id)
        headers = {name.lower(): value for name, value in answer.headers}
        return {
            "statusCode": answer.status,
            "headers": {**headers, "content-type": answer.content_type or PROBLEM},
            "body": answer.body.decode(),
            "isBase64Encoded": False,
        }


class OpenFunctionUrl(FunctionUrl):
    """One that a client sent here itself: the address that connects is its own, and what a header says of it is not."""

    _behind_cloudfront = False


def _viewer(headers: RawHeaders, source_ip: str) -> tuple[str, int]:
    """Who sent it: behind CloudFront the address that connects is CloudFront's own, and it names the viewer's."""
    for name, value in headers:
        if name == b"cloudfront-viewer-address":
            address, _, port = value.decode("latin-1").rpartition(":")
            if address and port.isdecimal():
                return address, int(port)
    return source_ip, 0


@dataclass(frozen=True, slots=True)
class _Body:
    """`text` is what stands in the document; `encoded`: in base64."""

    text: str
    encoded: bool


def _body_of(content: bytes, content_type: str, *, is_coded: bool, bytes_max: int) -> _Body | None:
    """The body as a string of at most `bytes_max` bytes in JSON; None where it takes more than that.

    `is_coded`: the content has a Content-Encoding, so that it is no text whatever its type says.
    """
    if not is_coded and _is_text(content_type):
        try:
            text = content.decode()
        except UnicodeDecodeError:
            pass  # called text by who stored it, and in another encoding than UTF-8
        else:
            if _quoted_bytes(text, content, bytes_max) <= bytes_max:
                return _Body(text, False)
    if 4 * ((len(content) + 2) // 3) > bytes_max:
        return None
    return _Body(base64.b64encode(content).decode("ascii"), True)


def _is_text(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith("text/") or kind in _TEXT or kind.endswith("+json")


def _quoted_bytes(text: str, content: bytes, bytes_max: int) -> int:
    if len(content) * _ESCAPED_TIMES_MAX <= bytes_max:
        return len(content)  # it fits, however much of it has to be escaped
    # As the runtime writes it: not ASCII only.
    return len(json.dumps(text, ensure_ascii=False).encode())
