"""Use cases of API keys: create, authenticate, list, rotate, revoke.

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
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import (
    Conflict,
    Forbidden,
    InvalidArgument,
    NotFound,
    TenantReadOnly,
    TenantSuspended,
    Unauthenticated,
    WrongRegion,
)
from quartzdb.domain.freeing import freeing
from quartzdb.domain.grant import UNGRANTED, TenantGrant, TenantStatus
from quartzdb.domain.granted_limits import require_unblocked
from quartzdb.domain.namespace import check_namespace_name, check_tenant
from quartzdb.domain.values import dataclass
from quartzdb.services.ports import BROWSER, ApiKey, ApiKeyTable

PREFIX = "qdb_live_"
NAME_CHARACTERS_MAX = 100
KEY_NAMESPACES_MAX = 100
OVERLAP_SECONDS_DEFAULT = 24 * 3_600
OVERLAP_SECONDS_MAX = 30 * 24 * 3_600
"""How long a key that was rotated may go on beside the one that follows it."""
BROWSER_KEY_SECONDS = 900
"""How long a key of a page in a browser is good."""
_ID_CHARACTERS = 12
_SECRET_BYTES = 32
BROWSER_SEED_BYTES = _ID_CHARACTERS // 2 + _SECRET_BYTES
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
    namespaces: frozenset[str] | None = None
    """Those that the key reaches; None: all."""
    expires_at_ms: int | None = None
    grant: TenantGrant = UNGRANTED
    """The tenant's, as far as is known."""
    of_browser: bool = False
    """Whether the key is of a page in a browser."""

    def reaches(self, namespace: str) -> bool:
        """Whether the key may touch the namespace, or know of it."""
        return self.namespaces is None or namespace in self.namespaces

    def require_namespace(self, namespace: str) -> None:
        """Raises Forbidden unless the key reaches the namespace, whether or not that exists."""
        if not self.reaches(namespace):
            raise Forbidden(
                f"This key does not reach the namespace {namespace[:80]!r}: it is restricted to others.",
                field="namespace",
                hint="Use a key that reaches it.",
            )

    def require_every_namespace(self) -> None:
        """Raises Forbidden for a key that is restricted to some namespaces."""
        if self.namespaces is not None:
            raise Forbidden(
                "This is of all namespaces, and this key is restricted to some.",
                hint="Use a key without `namespaces`.",
            )

    def require_keys(self) -> None:
        """Raises Forbidden for a key of a page in a browser: it manages namespaces, and never keys."""
        if self.of_browser:
            raise Forbidden(
                "This is a key of a page in a browser, which manages no keys.",
                hint="Manage them where you are signed in.",
            )

    def require(self, scope: Scope) -> None:
        """Raises Forbidden unless the key has the scope."""
        if scope not in self.scopes:
            raise Forbidden(
                f"This key does not have the scope {scope.value!r} (it has {', '.join(sorted(self.scopes))}).",
                hint="Use a key that has it, or create one.",
            )

    def require_unblocked(self, *, reads: bool, writes: bool, now_ms: int) -> None:
        """Raises LimitReached for what reads or writes data, where the tenant's grant blocks that."""
        require_unblocked(self.grant, reads=reads, writes=writes, now_ms=now_ms)

    def require_region(self, region: str | None) -> None:
        """Raises WrongRegion where the tenant's data has to stay in another region than this one."""
        wanted = self.grant.region
        if wanted is not None and wanted != region:
            here = f"in {region}" if region else "in no region that is set"
            raise WrongRegion(
                f"The data of this tenant stays in {wanted}, and this site is {here}.",
                hint=f"Send writes to a site in {wanted}.",
            )

    def require_tenant(self, *, changes: bool) -> None:
        """Raises TenantSuspended, or TenantReadOnly for what changes anything, where the tenant's status says so."""
        hint = "Nothing was deleted. Ask whoever runs this database; it is lifted within seconds."
        if self.grant.status is TenantStatus.SUSPENDED:
            raise TenantSuspended("The tenant that this key belongs to is suspended.", hint=hint)
        if changes and self.grant.status is TenantStatus.READ_ONLY:
            raise TenantReadOnly(
                "The tenant that this key belongs to may read, and change nothing.", hint=hint
            )


class KeyEnded(Unauthenticated):
    """The key was whole and is over. Whose it was is for the audit log; its holder is told what anybody is."""

    def __init__(self, message: str, key: ApiKey) -> None:
        super().__init__(message, hint="Create a new key.")
        self.tenant = key.tenant
        self.key_id = key.id
        self.of_browser = key.of_browser


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


class BrowserKey(NamedTuple):
    """A key of a page, its text, and whether it was made just now."""

    key: ApiKey
    text: str
    is_new: bool


class RotatedKey(NamedTuple):
    """The key that follows another, its text, and the other with the end that it has now."""

    key: ApiKey
    text: str
    replaced: ApiKey


class ApiKeys:
    """One instance serves every tenant. `random_bytes` is injected so that tests are deterministic."""

    def __init__(
        self, table: ApiKeyTable, clock: Clock, *, random_bytes: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._table = table
        self._clock = clock
        self._random_bytes = random_bytes

    def create(
        self,
        tenant: str,
        name: str,
        scopes: Iterable[str],
        *,
        expires_at_ms: int | None = None,
        namespaces: Iterable[str] | None = None,
        by: Principal | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key, and its text: the only time that it can be seen.

        `by` is the key that makes it, and can grant only what it has: scopes, namespaces, and its own time.
        None: whoever has the database itself. Raises InvalidArgument, Forbidden, Unauthenticated.
        """
        check_tenant(tenant)
        if by is not None:
            by.require_keys()
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
        reach = None if namespaces is None else _checked_namespaces(list(namespaces))
        now_ms = self._clock.unix_ms()
        if expires_at_ms is not None and expires_at_ms <= now_ms:
            raise InvalidArgument("The key would have expired already.", field="expires_at")
        if by is not None:
            _require_grantable(by, frozenset(given), reach, expires_at_ms)
        key, text = self._add(
            tenant, name, frozenset(given), expires_at_ms, reach, None if by is None else by.key_id
        )
        # Asked after the new key is stored: either whoever revokes the maker with all its keys sees this one, or this
        # sees that the maker was revoked. A remembered principal alone would outlive the revocation.
        if by is not None and self._has_ended(by.key_id):
            self._table.revoke(tenant, key.id, now_ms)
            raise Unauthenticated("The API key is unknown or was revoked.", hint="Create a new key.")
        return key, text

    def create_for_browser(self, tenant: str, name: str, scopes: Iterable[Scope]) -> tuple[ApiKey, str]:
        """A key for a page in a browser: good for BROWSER_KEY_SECONDS, never for keys, in no list, and dropped by
        itself after its end. `name`: whose it is.
        """
        check_tenant(tenant)
        ends_ms = self._clock.unix_ms() + BROWSER_KEY_SECONDS * 1_000
        return self._add(tenant, name, frozenset(scope.value for scope in scopes), ends_ms, None, BROWSER)

    def for_browser(
        self, tenant: str, name: str, scopes: Iterable[Scope], seed: bytes, ends_ms: int
    ) -> BrowserKey:
        """The same, of a seed of BROWSER_SEED_BYTES that nobody can guess: whoever has that gets the same key again, of
        which only the hash is stored as of every other. Raises Conflict where it was revoked.
        """
        made = key_text(seed[: _ID_CHARACTERS // 2], seed[_ID_CHARACTERS // 2 : BROWSER_SEED_BYTES])
        named = frozenset(scope.value for scope in scopes)
        key = ApiKey(
            made.id, check_tenant(tenant), name, named, made.secret_sha256, self._clock.unix_ms(), ends_ms,
            created_by=BROWSER,
        )  # fmt: skip
        present = self._table.get(made.id)
        if present is None:
            try:
                self._table.add(key)
            except Conflict:
                present = self._table.get(made.id)  # another page of the same person's was faster
            else:
                return BrowserKey(key, made.text, is_new=True)
        if present is None or replace(present, created_at_ms=key.created_at_ms) != key:
            raise Conflict("This key is another's, or was revoked.", hint="Use another seed.")
        return BrowserKey(present, made.text, is_new=False)

    def _add(
        self,
        tenant: str,
        name: str,
        scopes: frozenset[str],
        expires_at_ms: int | None,
        namespaces: frozenset[str] | None,
        created_by: str | None,
    ) -> tuple[ApiKey, str]:
        made = key_text(self._random_bytes(_ID_CHARACTERS // 2), self._random_bytes(_SECRET_BYTES))
        key = ApiKey(
            made.id,
            tenant,
            name,
            scopes,
            made.secret_sha256,
            self._clock.unix_ms(),
            expires_at_ms,
            namespaces=namespaces,
            created_by=created_by,
        )
        self._table.add(key)
        return key, made.text

    def rotate(
        self,
        tenant: str,
        key_id: str,
        overlap_seconds: int = OVERLAP_SECONDS_DEFAULT,
        *,
        expires_at_ms: int | None = None,
        by: Principal | None = None,
        on_made: Callable[[ApiKey], None] = lambda _: None,
    ) -> RotatedKey:
        """A new key with the name, scopes and namespaces of another, which ends after the overlap, or sooner where it
        does anyway. Without `expires_at_ms` the new one has as long as the other was given when it was made.

        `on_made` hears of the new key before the other's end is settled; where it raises, the new key is revoked.
        Cut short, there is a key that nobody knows the text of, and the other goes on. Raises as `create`; NotFound
        also for a key that `by` does not see, Conflict for one that has ended.
        """
        if not 0 <= overlap_seconds <= OVERLAP_SECONDS_MAX:
            raise InvalidArgument(
                f"Two keys overlap by 0 to {OVERLAP_SECONDS_MAX} seconds, not {overlap_seconds}.",
                field="overlap_seconds",
            )
        old, now_ms = self._table.get(key_id), self._clock.unix_ms()
        if by is not None:
            by.require_keys()
        if (
            old is None
            or old.tenant != tenant
            or old.of_browser
            or (by is not None and not _manages(by, old))
        ):
            raise _no_such_key(key_id)
        if old.revoked_at_ms is not None or (old.expires_at_ms is not None and old.expires_at_ms <= now_ms):
            raise Conflict(f"The API key {old.id} has ended.", field="id", hint="Create a new key.")
        if expires_at_ms is None and old.expires_at_ms is not None:
            expires_at_ms = now_ms + old.expires_at_ms - old.created_at_ms
        key, text = self.create(
            tenant, old.name, old.scopes, expires_at_ms=expires_at_ms, namespaces=old.namespaces, by=by
        )
        try:
            on_made(key)
            ends_ms = now_ms + overlap_seconds * 1_000
            self._table.expire(tenant, old.id, ends_ms)
        except BaseException:
            self._table.revoke(tenant, key.id, self._clock.unix_ms())
            raise
        ends_ms = ends_ms if old.expires_at_ms is None else min(ends_ms, old.expires_at_ms)
        return RotatedKey(key, text, replace(old, expires_at_ms=ends_ms))

    def of_text(self, text: str) -> ApiKey | None:
        """The key that this is the whole text of, ended ones included; None for what is none. For whoever was handed a
        key that leaked, and never for a request.
        """
        shape = _SHAPE.fullmatch(text)
        if shape is None or not hmac.compare_digest(shape[3], _checksum(shape[1], shape[2])):
            return None
        key = self._table.get(shape[1])
        genuine = hmac.compare_digest(key.secret_sha256 if key else bytes(32), _hash(shape[2]))
        return key if genuine else None

    def _has_ended(self, key_id: str) -> bool:
        key = self._table.get(key_id)
        return key is None or key.revoked_at_ms is not None

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
        if key is None or not genuine:
            raise Unauthenticated("The API key is unknown or was revoked.", hint="Create a new key.")
        if key.revoked_at_ms is not None:
            raise KeyEnded("The API key is unknown or was revoked.", key)
        if key.expires_at_ms is not None and key.expires_at_ms <= self._clock.unix_ms():
            raise KeyEnded("The API key has expired.", key)
        return Principal(
            key.tenant, key.id, key.scopes, key.namespaces, key.expires_at_ms, of_browser=key.of_browser
        )

    def list(
        self, tenant: str, *, by: Principal | None = None, of_browsers: bool = False
    ) -> Sequence[ApiKey]:
        """A tenant's keys by creation time, revoked ones included; `of_browsers`: also those that pages hold. `by` sees
        those that reach no more than it does.
        """
        if by is not None:
            by.require_keys()
        return [
            key
            for key in self._table.list(tenant)
            if (by is None or _manages(by, key)) and (of_browsers or not key.of_browser)
        ]

    def revoke(
        self, tenant: str, key_id: str, *, cascade: bool = False, by: Principal | None = None
    ) -> Sequence[str]:
        """End a key now, with `cascade` also all that were made with it, directly or not: the ids of all of them.

        Raises NotFound, also for a key that `by` does not see.
        """
        if by is not None:
            by.require_keys()
        # It frees nothing, but a key in wrong hands has to be ended on a full disk, too.
        with freeing():
            return self._revoke(tenant, key_id, cascade, by)

    def _revoke(self, tenant: str, key_id: str, cascade: bool, by: Principal | None) -> Sequence[str]:
        known = self._table.get(key_id) if by is not None and by.namespaces is not None else None
        hidden = known is not None and by is not None and not _manages(by, known)
        if hidden or not self._table.revoke(tenant, key_id, self._clock.unix_ms()):
            raise _no_such_key(key_id)
        ended = [key_id]
        # Listed anew for each level: one of these may have made a further one until it was revoked itself.
        makers = {key_id} if cascade else set()
        while makers:
            makers = {key.id for key in self._table.list(tenant) if key.created_by in makers} - set(ended)
            for made in sorted(makers):
                self._table.revoke(tenant, made, self._clock.unix_ms())
                ended.append(made)
        return ended

    def forget(self, key: ApiKey) -> bool:
        """Keep no trace of a revoked key; False for one that was not revoked, or is not there."""
        return self._table.forget(key)


def _no_such_key(key_id: str) -> NotFound:
    return NotFound(f"There is no API key {key_id[:80]!r}.", field="id")


def _manages(by: Principal, key: ApiKey) -> bool:
    return by.namespaces is None or (key.namespaces is not None and key.namespaces <= by.namespaces)


def _checked_namespaces(names: list[str]) -> frozenset[str]:
    if not 1 <= len(names) <= KEY_NAMESPACES_MAX:
        raise InvalidArgument(
            f"A key is restricted to 1 to {KEY_NAMESPACES_MAX} namespaces, not {len(names)}.",
            field="namespaces",
            hint="Leave it out for a key that reaches all.",
        )
    return frozenset(check_namespace_name(name, "namespaces") for name in names)


def _require_grantable(
    by: Principal, scopes: frozenset[str], namespaces: frozenset[str] | None, expires_at_ms: int | None
) -> None:
    beyond = sorted(scopes - by.scopes)
    if beyond:
        raise Forbidden(
            f"A key can grant only what it has, and this one does not have {', '.join(beyond)}.",
            field="scopes",
            hint="Use a key that has these scopes, or `quartzdb keys create` where the database is.",
        )
    if by.namespaces is not None and (namespaces is None or not namespaces <= by.namespaces):
        raise Forbidden(
            "A key can grant only what it has, and this one is restricted to some namespaces.",
            field="namespaces",
            hint="Name `namespaces` that this key reaches.",
        )
    if by.expires_at_ms is not None and (expires_at_ms is None or expires_at_ms > by.expires_at_ms):
        raise Forbidden(
            "A key can grant only what it has, and this one ends before the new one would.",
            field="expires_in_seconds",
            hint="Have the new key expire no later.",
        )


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _checksum(key_id: str, secret: str) -> str:
    return checksum_of(f"{key_id}_{secret}")


def checksum_of(text: str) -> str:
    """What a secret ends in, by which whoever scans for leaks knows it from what only looks like one."""
    return _base62(zlib.crc32(text.encode()), _CHECKSUM_CHARACTERS)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
