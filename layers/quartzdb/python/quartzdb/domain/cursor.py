"""Cursors: opaque places in a listing. A cursor from another listing, or an altered one, is refused."""

from __future__ import annotations

import base64
import binascii
import hashlib

from quartzdb.domain.errors import InvalidCursor

_CHECK_BYTES = 6


def encode_cursor(listing: str, position: str) -> str:
    """A cursor to `position` that only `listing` (its name with all its parameters) accepts."""
    body = position.encode()
    return base64.urlsafe_b64encode(_check(listing, body) + body).decode("ascii").rstrip("=")


def decode_cursor(listing: str, cursor: str) -> str:
    """The position. Raises InvalidCursor."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        body = raw[_CHECK_BYTES:]
        if raw[:_CHECK_BYTES] == _check(listing, body):
            return body.decode()
    except (binascii.Error, ValueError):
        pass  # said below: one answer for every way of being wrong
    raise not_of_this_listing()


def not_of_this_listing() -> InvalidCursor:
    """What is said of a cursor that was not made here."""
    return InvalidCursor(
        "The cursor does not belong to this listing.",
        field="cursor",
        hint="Send the cursor of the previous page with the same parameters, or none to begin.",
    )


def _check(listing: str, body: bytes) -> bytes:
    # Not a signature: a cursor gives no rights, so this only has to catch mistakes.
    return hashlib.blake2b(
        body, digest_size=_CHECK_BYTES, key=hashlib.blake2b(listing.encode()).digest()
    ).digest()
