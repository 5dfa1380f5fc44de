"""Leases in DynamoDB. Owns the partitions `LEASE#name`; what was never released goes by the table's own expiry."""

from __future__ import annotations

from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.adapters.aws.dynamodb_values import Attributes

_SK = "lease"
_KEPT_SECONDS = 3_600


class DynamoLeases:
    """Leases over a DynamoTable."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def acquire(self, name: str, owner: str, now_ms: int, ttl_ms: int) -> bool:
        """Take or renew the lease unless another owner's is still running."""
        until_ms = now_ms + ttl_ms
        item: Attributes = {
            "pk": f"LEASE#{name}",
            "sk": _SK,
            "holder": owner,
            "until_ms": until_ms,
            "expires_at": until_ms // 1000 + _KEPT_SECONDS,
        }
        free = "attribute_not_exists(#pk) OR #holder = :holder OR #until_ms <= :now"
        return self._table.put(item, free, {"holder": owner, "now": now_ms}).stored

    def release(self, name: str, owner: str) -> None:
        """Give it back; nothing happens where another has it."""
        self._table.delete(f"LEASE#{name}", _SK, "#holder = :holder", {"holder": owner})
