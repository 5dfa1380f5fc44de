"""What a function may give back as the request that CloudFront sends on.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/lambda-event-structure.html
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from typing import Any

from local.cloudfront.header_rules import (
    CUSTOM_BYTES_MAX,
    CUSTOM_HEADERS_MAX,
    CUSTOM_NAME_MAX,
    CUSTOM_VALUE_MAX,
    NEVER_CUSTOM,
    READ_ONLY_REQUEST,
    RuleBroken,
    check_headers,
    check_unchanged,
)

REPLACED_BODY_BYTES_MAX = 1024 * 1024
TARGET_BYTES_MAX = 8192
_TARGET = re.compile(r"[\x21-\x7e]*")
_CUSTOM_FIELDS = frozenset(
    [
        "customHeaders",
        "domainName",
        "keepaliveTimeout",
        "path",
        "port",
        "protocol",
        "readTimeout",
        "sslProtocols",
    ]
)
_SSL = frozenset({"SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2"})
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


def check_request(before: dict[str, Any], after: Any) -> None:
    """Raises RuleBroken. `before` is what the event had."""
    if not isinstance(after, dict):
        raise RuleBroken("the result is neither a request nor an answer")
    for name in ("method", "clientIp"):
        if after.get(name, before[name]) != before[name]:
            raise RuleBroken(f"{name} is read-only")
    uri, query = after.get("uri"), after.get("querystring", "")
    if not isinstance(uri, str) or not uri.startswith("/") or "?" in uri or not _TARGET.fullmatch(uri):
        raise RuleBroken("uri is an encoded path that begins with a slash")
    if not isinstance(query, str) or query.startswith("?") or not _TARGET.fullmatch(query):
        raise RuleBroken("querystring is encoded, and without the question mark")
    if len(uri) + len(query) > TARGET_BYTES_MAX:
        raise RuleBroken(f"uri and querystring pass {TARGET_BYTES_MAX} bytes")
    headers = check_headers(after.get("headers"), "headers")
    check_unchanged(check_headers(before["headers"], "the event"), headers, READ_ONLY_REQUEST)
    if len(headers.get("host", [])) != 1 or not headers["host"][0]:
        raise RuleBroken("headers: host is there once")
    _check_origin(after.get("origin"), headers)
    _check_body(before.get("body"), after.get("body"))


def _check_origin(origin: Any, headers: dict[str, list[str]]) -> None:
    if not isinstance(origin, dict) or len(origin) != 1 or not origin.keys() <= {"custom", "s3"}:
        raise RuleBroken("origin is exactly one of custom and s3")
    if "s3" in origin:
        raise RuleBroken("origin: there is no S3 origin here")
    custom = origin["custom"]
    if not isinstance(custom, dict) or not custom.keys() >= _CUSTOM_FIELDS:
        missing = _CUSTOM_FIELDS - (custom.keys() if isinstance(custom, dict) else set())
        raise RuleBroken(f"origin.custom lacks {', '.join(sorted(missing))}")
    _check_domain(custom["domainName"])
    port = custom["port"]
    if type(port) is not int or (port not in {80, 443} and not 1024 <= port <= 65535):
        raise RuleBroken("origin.custom.port is 80, 443 or 1024 to 65535")
    if custom["protocol"] not in {"http", "https"}:
        raise RuleBroken("origin.custom.protocol is http or https")
    path = custom["path"]
    if not isinstance(path, str) or len(path) > 255 or (path and (path[0] != "/" or path[-1] == "/")):
        raise RuleBroken(
            "origin.custom.path begins with a slash, ends without one, and has 255 characters at most"
        )
    for name in ("readTimeout", "keepaliveTimeout"):
        if type(custom[name]) is not int or not 1 <= custom[name] <= 60:
            raise RuleBroken(f"origin.custom.{name} is 1 to 60")
    protocols = custom["sslProtocols"]
    if not isinstance(protocols, list) or not protocols or not set(protocols) <= _SSL:
        raise RuleBroken(f"origin.custom.sslProtocols are some of {', '.join(sorted(_SSL))}")
    _check_custom_headers(check_headers(custom["customHeaders"], "customHeaders"), headers)


def _check_domain(domain: Any) -> None:
    if not isinstance(domain, str) or not 1 <= len(domain) <= 253:
        raise RuleBroken("origin.custom.domainName is a name")
    try:
        ipaddress.ip_address(domain.strip("[]"))
    except ValueError:
        pass  # as it should be
    else:
        raise RuleBroken("origin.custom.domainName is an address")
    if not all(_LABEL.fullmatch(label) for label in domain.split(".")):
        raise RuleBroken("origin.custom.domainName is a name, without port or path")


def _check_custom_headers(custom: dict[str, list[str]], headers: dict[str, list[str]]) -> None:
    size = 0
    for name, many in custom.items():
        if name in NEVER_CUSTOM or name.startswith(("x-amz-", "x-edge-")):
            raise RuleBroken(f"customHeaders: {name} cannot be one")
        if name in headers:
            raise RuleBroken(f"customHeaders: {name} is a header of the request, too")
        if len(name) > CUSTOM_NAME_MAX or any(len(value) > CUSTOM_VALUE_MAX for value in many):
            raise RuleBroken(f"customHeaders: {name} is too long")
        size += sum(len(name) + len(value) for value in many)
    if sum(len(many) for many in custom.values()) > CUSTOM_HEADERS_MAX or size > CUSTOM_BYTES_MAX:
        raise RuleBroken("customHeaders are too many")


def _check_body(before: Any, after: Any) -> None:
    if after is None:
        return
    if before is None:
        raise RuleBroken("body: the event had none")
    if not isinstance(after, dict):
        raise RuleBroken("body is no object")
    if after.get("inputTruncated", before["inputTruncated"]) != before["inputTruncated"]:
        raise RuleBroken("body.inputTruncated is read-only")
    action = after.get("action", "read-only")
    if action not in {"read-only", "replace"}:
        raise RuleBroken("body.action is read-only or replace")
    if action == "replace" and len(replaced_body(after)) > REPLACED_BODY_BYTES_MAX:
        raise RuleBroken("body is more than 1 MB")


def replaced_body(body: dict[str, Any]) -> bytes:
    """What a function put in a body's place."""
    data = body.get("data", "")
    if not isinstance(data, str) or body.get("encoding", "base64") not in {"base64", "text"}:
        raise RuleBroken("body.data is text, and body.encoding base64 or text")
    if body.get("encoding", "base64") == "text":
        return data.encode()
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RuleBroken("body.data is no base64") from error
