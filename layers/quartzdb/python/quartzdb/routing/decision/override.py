"""The operator's header: one request to an origin of the operator's choice, whatever the routing state says.

`<origin>.<expiry, unix s>.<hmac-sha256 in hex of "<origin>.<expiry>">`, keyed with the origin secret. Never logs it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence

from quartzdb.routing.decision.state import Origin

HEADER = "x-quartzdb-origin"
TTL_SECONDS_MAX = 24 * 3600
"""A value that leaks is good for no longer. One that expires later was signed by something else, and is refused."""
_SHAPE = re.compile(r"([a-z]{1,16})\.([0-9]{1,12})\.([0-9a-f]{64})", re.ASCII)


def sign_override(origin: Origin, expires_unix_s: int, secret: str) -> str:
    """The header's value. Raises ValueError without a secret."""
    if not secret:
        raise ValueError("an override is signed with the origin secret, and there is none")
    said = f"{origin.value}.{expires_unix_s}"
    return f"{said}.{_signature(said, secret)}"


def verify_override(value: str, now_unix_s: float, secrets: Sequence[str]) -> Origin | None:
    """The origin that is asked for; None for what is no good and current value, signed with one of the secrets."""
    shape = _SHAPE.fullmatch(value)
    if shape is None:
        return None
    said = f"{shape[1]}.{shape[2]}"
    given = shape[3].encode()
    # Every secret is compared, each in constant time: how long it takes says nothing about them.
    good = sum(hmac.compare_digest(given, _signature(said, secret).encode()) for secret in secrets if secret)
    if not good or not now_unix_s < int(shape[2]) <= now_unix_s + TTL_SECONDS_MAX:
        return None
    return next((origin for origin in Origin if origin.value == shape[1]), None)


def _signature(said: str, secret: str) -> str:
    return hmac.new(secret.encode(), said.encode(), hashlib.sha256).hexdigest()
