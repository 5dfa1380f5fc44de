"""The Worker under workerd for tests: started with a secret, and given API keys as the other site would give them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from local.workerd import Workerd, binary
from quartzdb.adapters.ed25519 import signing
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.grant import TenantGrant
from quartzdb.replication.statements import Sealing
from quartzdb.replication.wire.grant_document import grant_document
from quartzdb.services.keys import ApiKeys
from quartzdb.services.ports import ApiKey
from tests.doubles.memory_api_keys import MemoryApiKeys

SECRET = "the-secret-of-both-sites"
SIGNING_SECRET = "the-signing-secret-of-the-other-site"
PEER = {"Authorization": f"Bearer {SECRET}"}
"""What the other site sends."""


@contextmanager
def worker_site(folder: Path, **bindings: str) -> Iterator[Workerd]:
    """A running site, stopped at the end. Skips the test where workerd is not installed."""
    if binary() is None:
        pytest.skip("workerd is not installed: npm ci --ignore-scripts --prefix cloudflare")
    with Workerd(folder, bindings={"REPLICATION_SECRET": SECRET, **bindings}) as site:
        yield site


def new_key(
    tenant: str,
    scopes: Sequence[str] = ("read", "write", "admin"),
    *,
    namespaces: Sequence[str] | None = None,
) -> tuple[ApiKey, str]:
    """A key as the other site stores it, and its text."""
    return ApiKeys(MemoryApiKeys(), SystemClock()).create(tenant, "test", scopes, namespaces=namespaces)


def key_document(key: ApiKey) -> dict[str, object]:
    """A key as the protocol writes it."""
    return {
        "id": key.id,
        "tenant": key.tenant,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "secret_sha256": key.secret_sha256.hex(),
        "created_at_ms": key.created_at_ms,
        "expires_at_ms": key.expires_at_ms,
        "revoked_at_ms": key.revoked_at_ms,
        "namespaces": None if key.namespaces is None else sorted(key.namespaces),
        "created_by": key.created_by,
    }


def give_keys(
    url: str,
    keys: Sequence[ApiKey],
    *,
    headers: Mapping[str, str] | None = None,
    site: str = "cloudflare",
) -> int:
    """Have the site of that name at an address take over keys, signed; returns how many changed something.

    `headers`: what its edge demands.
    """
    return _give(url, "api-keys", [key_document(key) for key in keys], site, headers)


def give_grants(url: str, grants: Sequence[TenantGrant], *, site: str = "cloudflare") -> int:
    """The same with grants, which a site takes that has the public key of SIGNING_SECRET."""
    return _give(url, "grants", [grant_document(grant) for grant in grants], site, None)


def _give(
    url: str, kind: str, documents: Sequence[object], site: str, headers: Mapping[str, str] | None
) -> int:
    body = Sealing("other", site, signing(lambda: SIGNING_SECRET), SystemClock()).body(kind, documents)
    answer = httpx.put(
        f"{url}/v1/replication/{kind}", headers={**PEER, **(headers or {})}, json=body, trust_env=False
    )
    assert answer.status_code == 200, answer.text
    applied: int = answer.json()["applied"]
    return applied


def make_key(site: Workerd, tenant: str, *scopes: str) -> str:
    """A new key of a tenant that works at the site."""
    key, text = new_key(tenant, scopes or ("read", "write", "admin"))
    give_keys(site.url, [key])
    return text
