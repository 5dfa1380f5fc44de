"""Grants of tenants in DynamoDB. Owns the partition `GRANTS`, with an item for each tenant that has one."""

from __future__ import annotations

from collections.abc import Sequence

from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.adapters.aws.dynamodb_values import Attributes, number_of, text_of
from quartzdb.adapters.stored_grant import stored_grant
from quartzdb.domain.grant import TenantGrant, TenantStatus, grant_text

_PK = "GRANTS"


class DynamoTenantGrants:
    """TenantGrants over a DynamoTable."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def get(self, tenant: str) -> TenantGrant | None:
        """The grant, read consistently."""
        item = self._table.get(_PK, tenant)
        return _grant(item) if item else None

    def put(self, grant: TenantGrant) -> bool:
        """Store it unless one as late is there; whether it was stored."""
        item: Attributes = {
            "pk": _PK,
            "sk": grant.tenant,
            "revision": grant.revision,
            "document": grant_text(grant),
        }
        put = self._table.put(
            item, "attribute_not_exists(#pk) OR #revision < :revision", {"revision": grant.revision}
        )
        # An attempt whose answer was lost may have been the one that stored it.
        return put.stored or (put.retried and put.old is not None and _grant(put.old) == grant)

    def list(self) -> Sequence[TenantGrant]:
        """All of them, in the order of their tenants."""
        return [_grant(item) for page in self._table.query(_PK, "\0", "\U0010ffff") for item in page]

    def forget(self, grant: TenantGrant) -> bool:
        """Remove the grant, if it is still the one at this revision; whether it was."""
        return self._table.delete(_PK, grant.tenant, "#revision = :revision", {"revision": grant.revision})


def _grant(item: Attributes) -> TenantGrant:
    tenant, revision = text_of(item, "sk"), number_of(item, "revision")
    if "document" not in item:  # stored before a grant had more than its status
        return TenantGrant(tenant, revision, TenantStatus(text_of(item, "status")))
    return stored_grant(tenant, revision, text_of(item, "document"))
