"""What the services need beside storage, as Protocols: API keys, grants of tenants, answers by idempotency key, rates,
and archives.

Errors: an adapter raises `Unavailable` when it could not find out or could not do it, and nothing was half-applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Protocol

from quartzdb.domain.gcra import Leased, Rate
from quartzdb.domain.grant import TenantGrant
from quartzdb.domain.values import dataclass

BROWSER = "000000000000"
"""Who "made" the keys that pages in a browser hold: the form of a key's id, which none has."""
BROWSER_KEY_KEPT_MS = 60_000
"""So long after its end such a key is kept, that whoever still sends it is told that it expired."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A stored API key: never the secret, only its SHA-256.

    `namespaces`: those that it reaches, None for all. `created_by`: the id of the key that made it, None for one that
    was made where the database is (`quartzdb keys create`), BROWSER for one that a page holds. `last_used_at_ms`: at
    this site, some minutes old at most; None where no use was noted.
    """

    id: str
    tenant: str
    name: str
    scopes: frozenset[str]
    secret_sha256: bytes = field(repr=False)
    created_at_ms: int
    expires_at_ms: int | None = None
    revoked_at_ms: int | None = None
    namespaces: frozenset[str] | None = None
    created_by: str | None = None
    last_used_at_ms: int | None = None

    @property
    def of_browser(self) -> bool:
        """Whether a page in a browser holds it: for minutes, and no list has it."""
        return self.created_by == BROWSER


class ApiKeyTable(Protocol):
    """API keys by id."""

    def get(self, key_id: str) -> ApiKey | None:
        """The key, revoked and expired ones included."""
        ...

    def add(self, key: ApiKey) -> None:
        """Store a new key. Raises Conflict where its id is taken.

        A key of a browser may be dropped by itself from BROWSER_KEY_KEPT_MS after its end on.
        """
        ...

    def list(self, tenant: str) -> Sequence[ApiKey]:
        """A tenant's keys by creation time."""
        ...

    def revoke(self, tenant: str, key_id: str, at_ms: int) -> bool:
        """Revoke it; False where the tenant has no such key. Revoking twice keeps the first time."""
        ...

    def expire(self, tenant: str, key_id: str, at_ms: int) -> bool:
        """Have it end then, or when it does already where that is sooner; False where the tenant has no such key."""
        ...

    def note_used(self, key_id: str, at_ms: int) -> None:
        """It was used then: the latest of several times stays. A key that is not there is passed over."""
        ...

    def forget(self, key: ApiKey) -> bool:
        """Remove a revoked key with all that is stored of it; False for one that was not revoked, or is not there."""
        ...


class TenantGrants(Protocol):
    """Grants by tenant."""

    def get(self, tenant: str) -> TenantGrant | None:
        """The grant; None where nothing was said about the tenant."""
        ...

    def put(self, grant: TenantGrant) -> bool:
        """Store it unless one with the same revision or a higher one is there; whether it was stored."""
        ...

    def list(self) -> Sequence[TenantGrant]:
        """All of them, in the order of their tenants."""
        ...

    def forget(self, grant: TenantGrant) -> bool:
        """Remove the grant, if it is still the one at this revision; whether it was."""
        ...


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The outcome of a request that carried an idempotency key. `status` None: its first request still runs."""

    fingerprint: bytes
    status: int | None = None
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class IdempotencyTable(Protocol):
    """Answers by (tenant, key), until they expire. A key names the API key and the idempotency key of a request."""

    def begin(
        self, tenant: str, key: str, fingerprint: bytes, now_ms: int, claim_ms: int, ttl_ms: int
    ) -> StoredAnswer | None:
        """Claim the key for a request: None means go on. Else the answer on record, or the claim that still runs.

        A claim that was never finished lapses after `claim_ms`; a finished answer after `ttl_ms`.
        """
        ...

    def finish(self, tenant: str, key: str, answer: StoredAnswer) -> None:
        """Record the outcome of the claimed request, unless a later one with another fingerprint has the claim."""
        ...

    def abandon(self, tenant: str, key: str) -> None:
        """The claimed request changed nothing: free the key."""
        ...

    def purge(self, now_ms: int) -> int:
        """Drop what has lapsed. Returns how many."""
        ...


class RateSlices(Protocol):
    """What is left of rates, by name, for all processes that count on it together."""

    def lease(self, name: str, rate: Rate, least: int, most: int, now_ms: int) -> Leased:
        """Requests that the caller alone may make: from `least`, which is at most the burst, to `most`; none where
        there is no room for as many as the least. A name that is not used costs nothing. Raises Unavailable.
        """
        ...


class ArchiveStore(Protocol):
    """Where archives of what tenants have are made and kept. `archive` is a name of A-Z a-z 0-9 _ - and `/`."""

    def begin(self, archive: str) -> str:
        """An upload of it, which nobody sees before it is complete. Raises Unavailable, as all of these do."""
        ...

    def put_part(self, archive: str, upload: str, number: int, part: bytes) -> str:
        """Store a part, in the place of what had its number (from 1); what names it. All but the last have 5 MiB or
        more.
        """
        ...

    def complete(self, archive: str, upload: str, parts: Sequence[str]) -> None:
        """The archive is its parts, one after the other."""
        ...

    def size(self, archive: str) -> int | None:
        """Bytes of one that is complete; None for any other."""
        ...

    def state(self, archive: str) -> bytes | None:
        """What was kept of it."""
        ...

    def keep_state(self, archive: str, state: bytes) -> None:
        """Keep it in the place of what was kept before; durable."""
        ...

    def delete(self, archive: str, upload: str | None) -> None:
        """Leave nothing of it, of its state, nor of an upload that is not complete. Safe to repeat."""
        ...
