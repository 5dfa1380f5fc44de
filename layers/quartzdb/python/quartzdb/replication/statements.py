"""Statements: documents that the site which manages keys and grants signs, and the other takes only if they are.

The secret of the two sites proves that somebody is one of them, and lets that one read and write what is shared. What
keys there are is said with a key of its own, that only the site has which manages them. A statement is a text, so that
what was signed is read and nothing that is merely equal to it. It is for one site, of one kind, and of a time: an old
one, in which a key was not revoked yet, is refused a quarter of an hour later.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Forbidden, InvalidArgument
from quartzdb.replication.wire import fields

GOOD_FOR_MS = 15 * 60_000
AHEAD_MS_MAX = 5 * 60_000
"""How far the signer's clock may be ahead."""
_FIELDS = frozenset({"kind", "from", "for", "signed_at_ms", "documents"})
_HINT = "The other site signs them with --signing-key-file, QUARTZDB_SIGNING_KEY_ARN; its public key is a setting here."

Sign = Callable[[bytes], bytes]
Verify = Callable[[bytes, bytes], bool]
"""(text, signature): whether one of the keys that are good here made it."""


class Sealing:
    """Writes statements of this site for its peer."""

    def __init__(self, site: str, peer: str, sign: Sign, clock: Clock) -> None:
        self._site = site
        self._peer = peer
        self._sign = sign
        self._clock = clock

    def body(self, kind: str, documents: Sequence[Any]) -> dict[str, Any]:
        """The body of a request that says so."""
        statement = {
            "kind": kind,
            "from": self._site,
            "for": self._peer,
            "signed_at_ms": self._clock.unix_ms(),
            "documents": documents,
        }
        text = orjson.dumps(statement)
        return {"signed": text.decode(), "signature": base64.b64encode(self._sign(text)).decode()}


class Statements:
    """Reads what the peer says to this site. `verify` None: nothing here says whose signature is good, so none is asked
    for, and a statement that comes all the same is read as if it was good.
    """

    def __init__(self, site: str, verify: Verify | None, clock: Clock) -> None:
        self._site = site
        self._verify = verify
        self._clock = clock

    def signed(self, kind: str, signed: str | None, signature: str | None) -> object:
        """What is said with a signature, which has to be on it wherever this site is. Raises as `documents`."""
        if self._verify is None:
            raise Forbidden(
                "This site takes that only with a signature, and knows no key that would be good.",
                field="signed",
                hint="Set the other site's public key here: --peer-public-keys, QUARTZDB_PEER_PUBLIC_KEYS.",
            )
        return self.documents(kind, None, signed, signature)

    def documents(self, kind: str, plain: object, signed: str | None, signature: str | None) -> object:
        """What is said: `plain` where it is not signed. Raises Forbidden where it has to be and is not, or not well,
        and InvalidArgument for what is no statement.
        """
        if signed is None:
            if self._verify is not None:
                raise Forbidden(
                    "This site takes only what the other one has signed.", field="signed", hint=_HINT
                )
            return plain
        text = signed.encode()
        if self._verify is not None and not self._verify(text, _bytes(signature)):
            raise Forbidden(
                "The signature is of none of the keys that are good here.", field="signature", hint=_HINT
            )
        return self._said(kind, text)

    def _said(self, kind: str, text: bytes) -> object:
        try:
            parsed = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise InvalidArgument("What is signed is not JSON.", field="signed") from error
        statement = fields.object_of(parsed, "signed", _FIELDS)
        for name, expected in (("kind", kind), ("for", self._site)):
            found = fields.text_in(statement, name, "signed")
            if found != expected:
                raise Forbidden(
                    f"What is signed is {name} {found[:80]!r}, not {expected!r}.", field=f"signed.{name}"
                )
        age_ms = self._clock.unix_ms() - fields.time_in(statement, "signed_at_ms", "signed")
        if not -AHEAD_MS_MAX <= age_ms <= GOOD_FOR_MS:
            raise Forbidden(
                f"What is signed was signed {age_ms // 1000} s ago; it is good for {GOOD_FOR_MS // 60_000} minutes.",
                field="signed.signed_at_ms",
                hint="An old statement is not taken, and both clocks have to be right.",
            )
        return statement.get("documents")


def _bytes(signature: str | None) -> bytes:
    try:
        return base64.b64decode(signature or "", validate=True)
    except (binascii.Error, ValueError):
        return b""
