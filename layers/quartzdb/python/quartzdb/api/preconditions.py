"""Compare-and-set by HTTP's own headers: an item's ETag is its version in quotes."""

from __future__ import annotations

import re

from starlette.datastructures import Headers

from quartzdb.domain.errors import InvalidArgument, InvalidVersion, PreconditionFailed
from quartzdb.domain.hlc import Version
from quartzdb.services.keyvalue import IfMatch

VERSION_HEADER = "X-QuartzDB-Version"
_TAG = re.compile(r'(W/)?"([!#-~]*)"')
_HINT = 'Send If-Match: "VERSION" with the ETag of an earlier answer, or If-None-Match: * for a new key.'


def etag_of(version: Version) -> str:
    """The entity tag of a version."""
    return f'"{version}"'


def after_of(headers: Headers) -> Version | None:
    """The version token that a raw request carries. Raises InvalidVersion."""
    token = headers.get(VERSION_HEADER)
    return None if token is None else Version.parse(token)


def match_of(headers: Headers) -> IfMatch | None:
    """The condition of a write. Raises InvalidArgument for one that cannot be checked, PreconditionFailed for one that
    cannot hold.
    """
    if_match, if_none_match = headers.get("if-match"), headers.get("if-none-match")
    if if_match is not None and if_none_match is not None:
        raise InvalidArgument("Both If-Match and If-None-Match are given.", field="If-Match", hint=_HINT)
    if if_none_match is not None:
        if if_none_match.strip() != "*":
            raise InvalidArgument(
                "A write takes no If-None-Match but *: the key must not exist.",
                field="If-None-Match",
                hint=_HINT,
            )
        return IfMatch(None)
    return None if if_match is None else IfMatch(_expected(if_match.strip()))


def unchanged(headers: Headers, version: Version) -> bool:
    """Whether a read's If-None-Match names the present version, so that its value need not be sent again."""
    given = headers.get("if-none-match")
    if given is None:
        return False
    # Weak comparison (RFC 9110, 13.1.2): a cache on the way may have marked the tag as weak.
    return given.strip() == "*" or str(version) in {tag[2] for tag in _TAG.finditer(given)}


def _expected(if_match: str) -> Version:
    tag = _TAG.fullmatch(if_match)
    if tag is None:
        raise InvalidArgument("If-Match does not have the form of one ETag.", field="If-Match", hint=_HINT)
    try:
        if tag[1] is None:
            return Version.parse(tag[2])
    except InvalidVersion:
        pass  # a tag that no item ever had
    raise PreconditionFailed(
        "If-Match names no version that an item could have.", field="If-Match", hint="Read the key again."
    )
