"""The header by which a receiver knows that an event is from here: HMAC-SHA256 over the time and the body
(scheme v1)."""

from __future__ import annotations

import hashlib
import hmac


def header(body: bytes, secret: str, timestamp: int) -> str:
    """`Stripe-Signature`. `timestamp` is the time of sending, in seconds."""
    signed = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={signed}"
