"""The list of pending work, in DynamoDB. Owns the partition `PENDING_WORK`: one small item for each generation.

A partition takes a thousand writes a second, and each generation is noted once per batch of its stream.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.adapters.aws.dynamodb_values import number_of, text_of
from quartzdb.domain.namespace import Partition
from quartzdb.maintenance.ports import PendingWork

_PK = "PENDING_WORK"
_FIRST, _LAST = " ", "\U0010ffff"


class DynamoPendingWork:
    """PendingWorkList over a DynamoTable."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def note(self, partition: Partition, since_ms: int) -> None:
        """There is something to do: one PutItem of one unit."""
        token = secrets.token_hex(8)
        self._table.put({"pk": _PK, "sk": str(partition), "since_ms": since_ms, "token": token})

    def all_pending(self) -> Sequence[PendingWork]:
        """All that is noted: one Query for each MB, which is some ten thousand of them."""
        return [
            PendingWork(
                Partition.parse(text_of(item, "sk")), number_of(item, "since_ms"), text_of(item, "token")
            )
            for page in self._table.query(_PK, _FIRST, _LAST)
            for item in page
        ]

    def settle(self, one: PendingWork) -> bool:
        """Forget it, unless it was noted again."""
        return self._table.delete(_PK, str(one.partition), "#token = :token", {"token": one.token})
