"""Ed25519: signing with a secret text, and verifying with public keys. Who does neither never imports `cryptography`.

A private key is the SHA-256 of a secret, so that any generator of secrets makes one. HAZARD: so the secret has to be
random, not chosen; less than 32 characters are refused.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from quartzdb.domain.errors import InvalidArgument

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SECRET_CHARACTERS_MIN = 32
_DOMAIN = b"quartzdb signing key 1\n"


def signing(secret: Callable[[], str]) -> Callable[[bytes], bytes]:
    """Signs with what `secret` gives, asked each time."""
    return lambda text: _private(secret()).sign(text)


def public_key_text(secret: str) -> str:
    """The public key of a secret, in base64. Raises InvalidArgument."""
    return base64.b64encode(_private(secret).public_key().public_bytes_raw()).decode()


def verifying(public_keys: Sequence[str]) -> Callable[[bytes, bytes], bool]:
    """Whether one of the keys (base64, of 32 bytes) made a signature."""
    keys = [base64.b64decode(text, validate=True) for text in public_keys]

    def verify(text: bytes, signature: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        for key in keys:
            try:
                Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
            except InvalidSignature:
                continue
            return True
        return False

    return verify


def _private(secret: str) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if len(secret) < SECRET_CHARACTERS_MIN:
        raise InvalidArgument(
            f"A signing secret has at least {SECRET_CHARACTERS_MIN} characters, made at random.",
            hint="openssl rand -hex 32 > signing.secret",
        )
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(_DOMAIN + secret.encode()).digest())
