"""Taking over API keys from the site that manages them: hashes only, and an end is never taken back or put off."""

from __future__ import annotations

import re
from collections.abc import Sequence

from quartzdb.domain.errors import Conflict, InvalidArgument, TooLarge
from quartzdb.domain.namespace import check_namespace_name, check_tenant
from quartzdb.replication.wire.limits import API_KEYS_MAX
from quartzdb.services.keys import NAME_CHARACTERS_MAX, Scope
from quartzdb.services.ports import ApiKey, ApiKeyTable

_ID = re.compile(r"^[0-9a-f]{12}$")
_DIGEST_BYTES = 32


def take_api_keys(table: ApiKeyTable, keys: Sequence[ApiKey]) -> int:
    """Add keys that are new, and end those that were revoked or end sooner now. How many changed something.

    What a key may do is settled by the first document of it: whoever has the secret of the two sites cannot widen a key
    that is known. Raises InvalidArgument before anything is taken over, and Conflict for an id that is another key
    here, or one with other rights. A revocation is taken whatever rights come with it.
    """
    if len(keys) > API_KEYS_MAX:
        raise TooLarge(f"There are {len(keys)} keys; at most {API_KEYS_MAX} are taken.", field="keys")
    for position, key in enumerate(keys):
        _check(key, f"keys[{position}]")
    present = {key.id: table.get(key.id) for key in keys}
    for position, key in enumerate(keys):
        known = present[key.id]
        if known is not None and (known.tenant, known.secret_sha256) != (key.tenant, key.secret_sha256):
            raise Conflict(
                f"The id {key.id} is another API key here.",
                field=f"keys[{position}].id",
                hint="Create a new key.",
            )
        rights = (key.scopes, key.namespaces)
        if known is not None and key.revoked_at_ms is None and (known.scopes, known.namespaces) != rights:
            raise Conflict(
                f"The API key {key.id} has other scopes or namespaces here, and those of a key never change.",
                field=f"keys[{position}].id",
                hint="Revoke it and create a new key.",
            )
    return sum(_take(table, key, present[key.id]) for key in keys)


def _take(table: ApiKeyTable, key: ApiKey, known: ApiKey | None) -> bool:
    if known is None:
        table.add(key)
        return True
    ends_ms = key.expires_at_ms
    sooner = ends_ms is not None and (known.expires_at_ms is None or ends_ms < known.expires_at_ms)
    if sooner and ends_ms is not None:
        table.expire(key.tenant, key.id, ends_ms)
    if key.revoked_at_ms is None or known.revoked_at_ms is not None:
        return sooner
    return table.revoke(key.tenant, key.id, key.revoked_at_ms)


def _check(key: ApiKey, place: str) -> None:
    if not _ID.fullmatch(key.id):
        raise InvalidArgument("An API key's id is 12 hexadecimal digits.", field=f"{place}.id")
    check_tenant(key.tenant, f"{place}.tenant")
    if not 1 <= len(key.name) <= NAME_CHARACTERS_MAX or not key.name.isprintable():
        raise InvalidArgument(
            f"A key's name has 1 to {NAME_CHARACTERS_MAX} printable characters.", field=f"{place}.name"
        )
    if not key.scopes or not key.scopes <= set(Scope):
        raise InvalidArgument("A key's scopes are read, write and admin.", field=f"{place}.scopes")
    for name in key.namespaces or ():
        check_namespace_name(name, f"{place}.namespaces")
    if key.created_by is not None and not _ID.fullmatch(key.created_by):
        raise InvalidArgument("An API key's id is 12 hexadecimal digits.", field=f"{place}.created_by")
    if len(key.secret_sha256) != _DIGEST_BYTES:
        raise InvalidArgument("A SHA-256 has 32 bytes.", field=f"{place}.secret_sha256")
