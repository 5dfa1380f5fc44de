"""Paths: routing sees them percent-encoded, so that an encoded slash in a key stays part of the key.

The ASGI `path` is decoded, and cannot tell a%2Fb from a/b. Instead of it the raw one is taken, in canonical encoding;
`decoded` then turns each parameter into text exactly once.
"""

from __future__ import annotations

from urllib.parse import quote, unquote, unquote_to_bytes

from quartzdb.api.asgi import AsgiScope
from quartzdb.api.refusals import InvalidPath


def canonical_path(scope: AsgiScope) -> str:
    """The path of a request, in canonical encoding. Raises InvalidPath."""
    return canonical(scope.get("raw_path") or quote(scope["path"]).encode())


def canonical(raw: bytes) -> str:
    """The path with every segment encoded in one way only. Raises InvalidPath unless it is UTF-8 below."""
    if b"%" not in raw and raw.isascii():
        return raw.decode("ascii")
    try:
        segments = [unquote_to_bytes(segment).decode("utf-8") for segment in raw.split(b"/")]
    except UnicodeDecodeError as error:
        raise InvalidPath(
            "The path does not decode to UTF-8 text.", hint="Percent-encode the UTF-8 bytes of the text."
        ) from error
    return "/".join(quote(segment, safe="") for segment in segments)


def decoded(parameter: str) -> str:
    """The text of a path parameter."""
    return unquote(parameter, errors="strict") if "%" in parameter else parameter
