"""API keys in DynamoDB. Owns the partitions `KEY#id` and `KEYS#tenant`, which never hold a secret.

A key is looked up by its id at every request and listed rarely, so the tenant's partition has only ids. Keys of
browsers are dropped by the table's own expiry (`expires_at`), for which nobody needs the right to delete.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from quartzdb.adapters.aws.dynamodb_table import Committed, DynamoTable
from quartzdb.adapters.aws.dynamodb_values import Attributes, Value, bytes_of, number_of, text_of
from quartzdb.domain.errors import Conflict, Unavailable
from quartzdb.services.ports import BROWSER_KEY_KEPT_MS, ApiKey

_SK = "key"
_ATTEMPTS_MAX = 8


class DynamoApiKeys:
    """ApiKeyTable over a DynamoTable."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def get(self, key_id: str) -> ApiKey | None:
        """The key, revoked and expired ones included."""
        item = self._table.get(_pk(key_id), _SK)
        return _api_key(item) if item else None

    def add(self, key: ApiKey) -> None:
        """Store a new key. Raises Conflict where its id is taken."""
        listed: Attributes = {"pk": _list_pk(key.tenant), "sk": _list_sk(key), "id": key.id, **_dropped(key)}
        actions = [
            self._table.put_action(_item(key), "attribute_not_exists(#pk)"),
            self._table.put_action(listed, "attribute_not_exists(#pk)"),
        ]
        if not self._transacted(actions):
            raise Conflict(f"An API key with the id {key.id!r} exists.", hint="Choose another id.")

    def list(self, tenant: str) -> Sequence[ApiKey]:
        """A tenant's keys by creation time."""
        ids = [
            text_of(item, "id")
            for page in self._table.query(_list_pk(tenant), "\0", "\U0010ffff")
            for item in page
        ]
        keys = [_api_key(item) for item in self._table.batch_get([(_pk(key_id), _SK) for key_id in ids])]
        return sorted(keys, key=lambda key: (key.created_at_ms, key.id))

    def revoke(self, tenant: str, key_id: str, at_ms: int) -> bool:
        """Revoke it; False where the tenant has no such key."""
        return self._table.update(
            _pk(key_id),
            _SK,
            "SET #revoked_at_ms = if_not_exists(#revoked_at_ms, :at)",
            "#tenant = :tenant",
            {"at": at_ms, "tenant": tenant},
        )

    def expire(self, tenant: str, key_id: str, at_ms: int) -> bool:
        """Have it end then or sooner; False where the tenant has no such key."""
        nearer = self._table.update(
            _pk(key_id),
            _SK,
            "SET #expires_at_ms = :at",
            "#tenant = :tenant AND (attribute_not_exists(#expires_at_ms) OR #expires_at_ms > :at)",
            {"at": at_ms, "tenant": tenant},
        )
        if nearer:
            return True
        key = self.get(key_id)
        return key is not None and key.tenant == tenant

    def note_used(self, key_id: str, at_ms: int) -> None:
        """It was used then: the latest of several times stays."""
        self._table.update(
            _pk(key_id),
            _SK,
            "SET #last_used_at_ms = :at",
            "attribute_exists(#pk) AND (attribute_not_exists(#last_used_at_ms) OR #last_used_at_ms < :at)",
            {"at": at_ms},
        )

    def forget(self, key: ApiKey) -> bool:
        """Remove a revoked key; False for one that was not revoked, or is not there."""
        return self._transacted(
            [
                self._table.delete_action(
                    _pk(key.id),
                    _SK,
                    "#tenant = :tenant AND attribute_exists(#revoked_at_ms)",
                    {"tenant": key.tenant},
                ),
                self._table.delete_action(_list_pk(key.tenant), _list_sk(key), "attribute_exists(#pk)"),
            ]
        )

    def _transacted(self, actions: Sequence[dict[str, Any]]) -> bool:
        """Whether the conditions held, and so all of it was done."""
        for attempt in range(1, _ATTEMPTS_MAX + 1):
            committed = self._table.transact(actions)
            if committed is not Committed.CONTENDED:
                return committed is Committed.YES
            self._table.wait(attempt)
        raise Unavailable("The API keys are being changed by others.", hint="Try again in a moment.")


def _pk(key_id: str) -> str:
    return f"KEY#{key_id}"


def _list_pk(tenant: str) -> str:
    return f"KEYS#{tenant}"


def _list_sk(key: ApiKey) -> str:
    return f"{key.created_at_ms:016d}#{key.id}"


def _item(key: ApiKey) -> Attributes:
    item: dict[str, Value] = {
        "pk": _pk(key.id),
        "sk": _SK,
        "id": key.id,
        "tenant": key.tenant,
        "name": key.name,
        "scopes": json.dumps(sorted(key.scopes)),
        "secret_sha256": key.secret_sha256,
        "created_at_ms": key.created_at_ms,
    }
    if key.expires_at_ms is not None:
        item["expires_at_ms"] = key.expires_at_ms
    if key.revoked_at_ms is not None:
        item["revoked_at_ms"] = key.revoked_at_ms
    if key.namespaces is not None:
        item["namespaces"] = json.dumps(sorted(key.namespaces))
    if key.created_by is not None:
        item["created_by"] = key.created_by
    if key.last_used_at_ms is not None:
        item["last_used_at_ms"] = key.last_used_at_ms
    return {**item, **_dropped(key)}


def _dropped(key: ApiKey) -> Attributes:
    if not key.of_browser or key.expires_at_ms is None:
        return {}
    return {"expires_at": (key.expires_at_ms + BROWSER_KEY_KEPT_MS) // 1_000 + 1}


def _api_key(item: Attributes) -> ApiKey:
    return ApiKey(
        id=text_of(item, "id"),
        tenant=text_of(item, "tenant"),
        name=text_of(item, "name"),
        scopes=frozenset(json.loads(text_of(item, "scopes"))),
        secret_sha256=bytes_of(item, "secret_sha256"),
        created_at_ms=number_of(item, "created_at_ms"),
        expires_at_ms=number_of(item, "expires_at_ms") if "expires_at_ms" in item else None,
        revoked_at_ms=number_of(item, "revoked_at_ms") if "revoked_at_ms" in item else None,
        namespaces=frozenset(json.loads(text_of(item, "namespaces"))) if "namespaces" in item else None,
        created_by=text_of(item, "created_by") if "created_by" in item else None,
        last_used_at_ms=number_of(item, "last_used_at_ms") if "last_used_at_ms" in item else None,
    )
