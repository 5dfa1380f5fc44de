"""Use cases of API keys: create, authenticate, list, revoke.

A key reads qdb_live_<id>_<secret><checksum>. The id finds it, the secret proves it, and the checksum lets a mistyped or
truncated key be told from a wrong one without a look-up. Only the SHA-256 of the secret is stored: it has 256 random
bits, so there is nothing to guess and no need for a slow hash. The secret is shown once, and never logged.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Forbidden, InvalidArgument, NotFound, Unauthenticated
from quartzdb.services.ports import ApiKey, ApiKeyTable

PREFIX = "qdb_live_"
NAME_CHARACTERS_MAX = 100
_ID_CHARACTERS = 12
_SECRET_BYTES = 32
_CHECKSUM_CHARACTERS = 6
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHAPE = re.compile(rf"^{PREFIX}([0-9a-f]{{{_ID_CHARACTERS}}})_([0-9A-Za-z]{{43}})([0-9A-Za-z]{{6}})$")
_SECRET_CHARACTERS = 43
"""Base-62 digits of 256 bits."""


class Scope(StrEnum):
    """What a key may do. Each stands for itself: `admin` manages namespaces and keys, and gives no other right."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request comes from."""

    tenant: str
    key_id: str
    scopes: frozenset[str]

    def require(self, scope: Scope) -> None:
        """Raises Forbidden unless the key has the scope."""
        if scope not in self.scopes:
            raise Forbidden(
                f"This key does not have the scope {scope.value!r} (it has {', '.join(sorted(self.scopes))}).",
                hint="Use a key that has it, or create one.",
            )


class KeyText(NamedTuple):
    """A key as its holder has it, and what is stored of it."""

    id: str
    text: str
    secret_sha256: bytes

    def __repr__(self) -> str:
        return f"KeyText({self.id})"


def key_text(id_bytes: bytes, secret_bytes: bytes) -> KeyText:
    """The key of 6 bytes that name it and 32 that nobody can guess."""
    key_id = id_bytes.hex()
    secret = _base62(int.from_bytes(secret_bytes), _SECRET_CHARACTERS)
    return KeyText(key_id, f"{PREFIX}{key_id}_{secret}{_checksum(key_id, secret)}", _hash(secret))


class ApiKeys:
    """One instance serves every tenant. `random_bytes` is injected so that tests are deterministic."""

    def __init__(
        self, table: ApiKeyTable, clock: Clock, *, random_bytes: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._table = table
        self._clock = clock
        self._random_bytes = random_bytes

    def create(
        self, tenant: str, name: str, scopes: Iterable[str], *, expires_at_ms: int | None = None
    ) -> tuple[ApiKey, str]:
        """A new key, and its text: the only time that it can be seen."""
        if not 1 <= len(name) <= NAME_CHARACTERS_MAX or not name.isprintable():
            raise InvalidArgument(
                f"A key's name has 1 to {NAME_CHARACTERS_MAX} printable characters.", field="name"
            )
        given = list(scopes)
        for scope in given:
            if scope not in set(Scope):
                raise InvalidArgument(
                    f"{scope[:80]!r} is no scope.", field="scopes", hint="Use read, write and admin."
                )
        if not given:
            raise InvalidArgument(
                "A key needs at least one scope.", field="scopes", hint="read, write, admin"
            )
        now_ms = self._clock.unix_ms()
        if expires_at_ms is not None and expires_at_ms <= now_ms:
            raise InvalidArgument("The key would have expired already.", field="expires_at")
        made = key_text(self._random_bytes(_ID_CHARACTERS // 2), self._random_bytes(_SECRET_BYTES))
        key = ApiKey(made.id, tenant, name, frozenset(given), made.secret_sha256, now_ms, expires_at_ms)
        self._table.add(key)
        return key, made.text

    def authenticate(self, text: str | None) -> Principal:
        """Who holds this key. Raises Unauthenticated, without saying more than a holder may know."""
        if not text:
            raise Unauthenticated(
                "No API key was given.", hint="Send `Authorization: Bearer KEY` or `X-API-Key: KEY`."
            )
        shape = _SHAPE.fullmatch(text)
        if shape is None or not hmac.compare_digest(shape[3], _checksum(shape[1], shape[2])):
            raise Unauthenticated(
                "The API key is mistyped or cut short: it is not of the form qdb_live_….",
                hint="Copy the whole key.",
            )
        key = self._table.get(shape[1])
        # Compared even where there is no such key, so that the time taken says nothing.
        genuine = hmac.compare_digest(key.secret_sha256 if key else bytes(32), _hash(shape[2]))
        if key is None or not genuine or key.revoked_at_ms is not None:
            raise Unauthenticated("The API key is unknown or was revoked.", hint="Create a new key.")
        if key.expires_at_ms is not None and key.expires_at_ms <= self._clock.unix_ms():
            raise Unauthenticated("The API key has expired.", hint="Create a new key.")
        return Principal(key.tenant, key.id, key.scopes)

    def list(self, tenant: str) -> Sequence[ApiKey]:
        """A tenant's keys by creation time, revoked ones included."""
        return self._table.list(tenant)

    def revoke(self, tenant: str, key_id: str) -> None:
        """End a key now. Raises NotFound."""
        if not self._table.revoke(tenant, key_id, self._clock.unix_ms()):
            raise NotFound(f"There is no API key {key_id[:80]!r}.", field="id")


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _checksum(key_id: str, secret: str) -> str:
    return _base62(zlib.crc32(f"{key_id}_{secret}".encode()), _CHECKSUM_CHARACTERS)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
