"""Events as AWS sends them, from files beside this one, with what a test wants changed in them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SECRET_HEADER = "x-quartzdb-origin-secret"


def event(name: str) -> Any:
    """A fresh copy of the event in `name`.json."""
    return json.loads(Path(__file__).with_name(f"{name}.json").read_text())


def function_url(
    method: str,
    target: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    cookies: Sequence[str] = (),
    secret: str | None = None,
) -> Any:
    """A request to a Function URL, payload 2.0. `target` is path and query as they stand in the request line."""
    path, _, query = target.partition("?")
    document = event("function_url")
    document |= {"rawPath": path, "rawQueryString": query}
    document["requestContext"]["http"] |= {"method": method, "path": path}
    document["headers"] |= {name.lower(): value for name, value in (headers or {}).items()}
    if secret is not None:
        document["headers"][SECRET_HEADER] = secret
    if body is not None:
        document |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
        document["headers"]["content-length"] = str(len(body))
    if cookies:
        document["cookies"] = list(cookies)
    return document


def origin_request(
    method: str,
    target: str,
    *,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes | None = None,
    truncated: bool = False,
    secret: str | None = None,
) -> Any:
    """The same as a Lambda@Edge origin-request event. Headers may repeat."""
    path, _, query = target.partition("?")
    document = event("origin_request")
    request = document["Records"][0]["cf"]["request"]
    request |= {"method": method, "uri": path, "querystring": query}
    for name, value in headers:
        request["headers"].setdefault(name.lower(), []).append({"key": name, "value": value})
    if secret is not None:
        request["origin"]["custom"]["customHeaders"][SECRET_HEADER] = [
            {"key": SECRET_HEADER, "value": secret}
        ]
    if body is not None:
        request["body"] = {
            "inputTruncated": truncated,
            "action": "read-only",
            "encoding": "base64",
            "data": base64.b64encode(body).decode(),
        }
    return document
