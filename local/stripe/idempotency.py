"""A POST with the same Idempotency-Key is done once: later ones get the first one's answer, or an error if
they are others."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from local.stripe.errors import Refused
from local.stripe.forms import Nested
from local.stripe.store import Object, Store
from local.stripe.world import DAY

_KIND = "_idempotency"
_KEY_MAX = 255


def fingerprint(method: str, path: str, given: dict[str, Nested]) -> str:
    """Of all that makes two requests the same."""
    return hashlib.sha256(json.dumps([method, path, given], sort_keys=True).encode()).hexdigest()


def remembered(store: Store, key: str, wanted: str, now: int) -> Object | None:
    """`{"status", "body"}` of the first, for a day. Raises Refused where that was another request."""
    if len(key) > _KEY_MAX:
        raise Refused(f"Idempotency keys have at most {_KEY_MAX} characters.", kind="idempotency_error")
    first = store.find(_KIND, key)
    if first is None or first["at"] + DAY <= now:
        return None
    if first["fingerprint"] != wanted:
        raise Refused(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request.",
            kind="idempotency_error",
        )
    return first


def remember(store: Store, key: str, wanted: str, now: int, status: int, body: dict[str, Any]) -> None:
    """Inside a transaction."""
    store.add(_KIND, {"id": key, "fingerprint": wanted, "at": now, "status": status, "body": body})
