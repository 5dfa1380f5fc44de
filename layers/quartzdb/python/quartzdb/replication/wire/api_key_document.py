"""API keys as JSON documents, and back: hashes only, never a secret."""

from __future__ import annotations

from typing import Any

from quartzdb.domain.errors import InvalidArgument
from quartzdb.replication.wire import fields
from quartzdb.replication.wire.fields import within
from quartzdb.replication.wire.limits import API_KEYS_MAX
from quartzdb.services.keys import KEY_NAMESPACES_MAX
from quartzdb.services.ports import ApiKey

_FIELDS = frozenset(
    {"id", "tenant", "name", "scopes", "secret_sha256", "created_at_ms", "expires_at_ms", "revoked_at_ms"}
    | {"namespaces", "created_by"}
)
_SCOPES_MAX = 8


def api_key_document(key: ApiKey) -> dict[str, Any]:
    """One key. A restriction is named only where there is one: a site that does not know it must refuse the key."""
    document = {
        "id": key.id,
        "tenant": key.tenant,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "secret_sha256": key.secret_sha256.hex(),
        "created_at_ms": key.created_at_ms,
        "expires_at_ms": key.expires_at_ms,
        "revoked_at_ms": key.revoked_at_ms,
    }
    if key.namespaces is not None:
        document["namespaces"] = sorted(key.namespaces)
    if key.created_by is not None:
        document["created_by"] = key.created_by
    return document


def parse_api_keys(document: object, position: str = "keys") -> list[ApiKey]:
    """Several keys. Raises InvalidArgument."""
    return fields.list_of(document, position, _api_key, API_KEYS_MAX)


def _api_key(document: object, position: str) -> ApiKey:
    key = fields.object_of(document, position, _FIELDS)
    digest = fields.text_in(key, "secret_sha256", position)
    try:
        secret_sha256 = bytes.fromhex(digest)
    except ValueError as error:
        raise InvalidArgument("This is not hexadecimal.", field=within(position, "secret_sha256")) from error
    namespaces, created_by = key.get("namespaces"), key.get("created_by")
    place = within(position, "namespaces")
    return ApiKey(
        fields.text_in(key, "id", position),
        fields.text_in(key, "tenant", position),
        fields.text_in(key, "name", position),
        frozenset(fields.list_of(key.get("scopes"), within(position, "scopes"), fields.text, _SCOPES_MAX)),
        secret_sha256,
        fields.time_in(key, "created_at_ms", position),
        fields.time_or_none_in(key, "expires_at_ms", position),
        fields.time_or_none_in(key, "revoked_at_ms", position),
        None
        if namespaces is None
        else frozenset(fields.list_of(namespaces, place, fields.text, KEY_NAMESPACES_MAX, least=1)),
        None if created_by is None else fields.text(created_by, within(position, "created_by")),
    )
