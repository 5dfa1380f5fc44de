"""A WebAuthn authenticator and its browser in software: real P-256 keys, real CBOR, and flaws on request."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, encode_cbor

PRESENT, VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


@dataclass
class Key:
    """A discoverable credential: its private key, whose it is, and how often it was used."""

    id: bytes
    private: ec.EllipticCurvePrivateKey
    user_handle: bytes
    count: int = 0


@dataclass
class Flaws:
    """What is wrong with an answer; nothing, unless said."""

    origin: str | None = None
    rp_id: str | None = None
    verified: bool = True
    present: bool = True
    kind: str | None = None
    cross_origin: bool = False
    challenge: bytes | None = None


@dataclass
class SoftAuthenticator:
    """Makes keys and signs with them, in a page of `origin`."""

    origin: str
    keys: list[Key] = field(default_factory=list)
    counts: bool = True

    def create(self, options: dict[str, Any], flaws: Flaws | None = None) -> dict[str, Any]:
        """`navigator.credentials.create`, as `toJSON` gives it."""
        flaws = flaws or Flaws()
        number = sum(byte for byte in base64url_to_bytes(options["challenge"])) + len(self.keys)
        private = ec.derive_private_key(number + 1, ec.SECP256R1())
        key = Key(
            hashlib.sha256(f"{id(self)}{number}".encode()).digest(),
            private,
            base64url_to_bytes(options["user"]["id"]),
        )
        self.keys.append(key)
        public = private.public_key().public_numbers()
        cose = encode_cbor(
            {1: 2, 3: -7, -1: 1, -2: public.x.to_bytes(32), -3: public.y.to_bytes(32)},
        )
        attested = bytes(16) + struct.pack(">H", len(key.id)) + key.id + cose
        data = self._data(options["rp"]["id"], key, flaws, attested)
        attestation = encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer(
            key,
            "webauthn.create",
            options["challenge"],
            flaws,
            attestationObject=bytes_to_base64url(attestation),
        )

    def get(
        self, options: dict[str, Any], flaws: Flaws | None = None, *, key: Key | None = None
    ) -> dict[str, Any]:
        """`navigator.credentials.get` with the newest key, or that one."""
        flaws, key = flaws or Flaws(), key or self.keys[-1]
        if self.counts:
            key.count += 1
        data = self._data(options["rpId"], key, flaws, b"")
        challenge = options["challenge"]
        signed = data + hashlib.sha256(self._client_data("webauthn.get", challenge, flaws)).digest()
        return self._answer(
            key,
            "webauthn.get",
            challenge,
            flaws,
            authenticatorData=bytes_to_base64url(data),
            signature=bytes_to_base64url(key.private.sign(signed, ec.ECDSA(hashes.SHA256()))),
            userHandle=bytes_to_base64url(key.user_handle),
        )

    def _data(self, rp_id: str, key: Key, flaws: Flaws, attested: bytes) -> bytes:
        flags = PRESENT * flaws.present | VERIFIED * flaws.verified | ATTESTED * bool(attested)
        return (
            hashlib.sha256((flaws.rp_id or rp_id).encode()).digest()
            + struct.pack(">BI", flags, key.count)
            + attested
        )

    def _client_data(self, kind: str, challenge: str, flaws: Flaws) -> bytes:
        shown = challenge if flaws.challenge is None else bytes_to_base64url(flaws.challenge)
        return json.dumps(
            {
                "type": flaws.kind or kind,
                "challenge": shown,
                "origin": flaws.origin or self.origin,
                "crossOrigin": flaws.cross_origin,
            }
        ).encode()

    def _answer(self, key: Key, kind: str, challenge: str, flaws: Flaws, **response: str) -> dict[str, Any]:
        shown = bytes_to_base64url(key.id)
        client_data = bytes_to_base64url(self._client_data(kind, challenge, flaws))
        return {
            "id": shown,
            "rawId": shown,
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {"clientDataJSON": client_data, **response},
        }
