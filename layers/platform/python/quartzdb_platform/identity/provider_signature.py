"""Signatures of a provider of secret scanning: ECDSA over P-256 and SHA-256 of the body as it was sent, DER in base64.

Keys are fetched where one is named that is not known, at most once a minute whoever asks, and anew after a day.
"""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Unauthenticated
from quartzdb_platform.ports import ProviderKeys

FETCH_EVERY_SECONDS = 60.0
KEYS_SECONDS = 24 * 3_600.0
_SIGNATURE_CHARACTERS_MAX = 256


class ProviderSignatures:
    """Thread-safe."""

    def __init__(self, keys: ProviderKeys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._known: Mapping[str, str] = {}
        self._fetched_at: float | None = None
        self._lock = threading.Lock()

    def require(self, body: bytes, key_id: str, signature: str) -> None:
        """Raises Unauthenticated where the provider did not sign this, Unavailable where its keys cannot be read."""
        if not key_id or not 0 < len(signature) <= _SIGNATURE_CHARACTERS_MAX:
            raise _not_signed()
        pem = self._key(key_id)
        try:
            signed = base64.b64decode(signature, validate=True)
            key = load_pem_public_key(pem.encode()) if pem else None
        except (binascii.Error, ValueError) as error:
            raise _not_signed() from error
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise _not_signed()
        try:
            key.verify(signed, body, ec.ECDSA(SHA256()))
        except InvalidSignature as error:
            raise _not_signed() from error

    def _key(self, key_id: str) -> str | None:
        # One at a time, so that a storm of requests is one fetch.
        with self._lock:
            now = self._clock.monotonic()
            age = None if self._fetched_at is None else now - self._fetched_at
            missing = key_id not in self._known and (age is None or age >= FETCH_EVERY_SECONDS)
            if missing or (age is not None and age >= KEYS_SECONDS):
                self._fetched_at = now
                self._known = self._keys.fetch()
            return self._known.get(key_id)


def _not_signed() -> Unauthenticated:
    return Unauthenticated(
        "This was not signed by the provider.",
        hint="Sign the body with a key that the provider publishes, and name it in Github-Public-Key-Identifier.",
    )
