"""Whether a webhook is from whom it says: HMAC-SHA256 of its time and its bytes, as Stripe signs.

https://docs.stripe.com/webhooks#verify-manually. Ours and not the SDK's, which has no clock to be given and takes long
to import.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from quartzdb.domain.errors import InvalidArgument

TOLERANCE_SECONDS = 300
_HINT = "Set the signing secret of the endpoint that Stripe sends to, and a clock that is right."


def require_signature(payload: bytes, header: str, secrets: Sequence[str], now_ms: int) -> None:
    """Of any of the secrets, of which there are two while one follows the other. Raises InvalidArgument."""
    parts = [part.partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name.strip() == "t"]
    given = [value for name, _, value in parts if name.strip() == "v1"]
    if len(times) != 1 or not times[0].isascii() or not times[0].isdigit() or not given:
        raise InvalidArgument(
            "The signature of this webhook cannot be read.", field="Stripe-Signature", hint=_HINT
        )
    wanted = [_signed(secret, times[0], payload) for secret in secrets]
    if not any(hmac.compare_digest(one.encode(), each.encode()) for one in wanted for each in given):
        raise InvalidArgument("The signature of this webhook is wrong.", field="Stripe-Signature", hint=_HINT)
    if abs(now_ms // 1_000 - int(times[0])) > TOLERANCE_SECONDS:
        raise InvalidArgument(
            f"This webhook was signed more than {TOLERANCE_SECONDS} s ago, or ahead.",
            field="Stripe-Signature",
            hint=_HINT,
        )


def _signed(secret: str, at: str, payload: bytes) -> str:
    return hmac.new(secret.encode(), at.encode() + b"." + payload, hashlib.sha256).hexdigest()
