"""Grants of tenants as JSON documents, and back."""

from __future__ import annotations

from typing import Any

import orjson

from quartzdb.domain.errors import InvalidArgument, within_field
from quartzdb.domain.grant import TenantGrant, grant_of, grant_text
from quartzdb.domain.namespace import check_tenant
from quartzdb.replication.wire import fields
from quartzdb.replication.wire.fields import within
from quartzdb.replication.wire.limits import GRANTS_MAX

_FIELDS = frozenset({"tenant", "revision", "grant"})


def grant_document(grant: TenantGrant) -> dict[str, Any]:
    """One grant: whose, which of several, and what it says."""
    return {"tenant": grant.tenant, "revision": grant.revision, "grant": orjson.loads(grant_text(grant))}


def parse_grants(document: object, place: str = "grants") -> list[TenantGrant]:
    """Several grants. What a later release adds to one is passed over. Raises InvalidArgument, TooLarge."""
    return fields.list_of(document, place, _grant, GRANTS_MAX)


def _grant(document: object, place: str) -> TenantGrant:
    said = fields.object_of(document, place, _FIELDS)
    tenant = fields.text_in(said, "tenant", place)
    check_tenant(tenant, within(place, "tenant"))
    revision = fields.integer_in(said, "revision", place)
    if not revision:
        raise InvalidArgument("Revisions begin with 1.", field=within(place, "revision"))
    with within_field(place):
        return grant_of(tenant, revision, orjson.dumps(fields.object_of(said.get("grant"), "grant")))
