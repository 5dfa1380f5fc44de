"""`metadata`: texts of the caller's own, on almost everything."""

from __future__ import annotations

from local.stripe.errors import Refused
from local.stripe.parameters import Given
from local.stripe.store import Object

_KEYS_MAX, _KEY_MAX, _VALUE_MAX = 50, 40, 500


def apply(stored: Object, given: Given) -> None:
    """An empty text for a key removes it, and for all of it empties it. Raises Refused beyond Stripe's limits."""
    if "metadata" not in given:
        return
    said = given["metadata"]
    if said == "":
        stored["metadata"] = {}
        return
    merged = {**(stored.get("metadata") or {}), **said}
    merged = {key: value for key, value in merged.items() if value != ""}
    if len(merged) > _KEYS_MAX:
        raise Refused(f"You can have at most {_KEYS_MAX} metadata keys", param="metadata")
    for key, value in merged.items():
        if len(key) > _KEY_MAX or len(value) > _VALUE_MAX:
            raise Refused(
                f"Metadata keys can have up to {_KEY_MAX} characters, values up to {_VALUE_MAX}",
                param=f"metadata[{key}]",
            )
    stored["metadata"] = merged
