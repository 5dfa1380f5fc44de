"""The list of what is unsettled, in DynamoDB. Owns the partition `UNSETTLED`: one small item for each generation.

A partition takes a thousand writes a second, and each generation is noted once per batch of its stream.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.adapters.aws.dynamodb_values import number_of, text_of
from quartzdb.domain.namespace import Partition
from quartzdb.maintenance.ports import Unsettled

_PK = "UNSETTLED"
_FIRST, _LAST = " ", "\U0010ffff"


class DynamoUnsettled:
    """UnsettledList over a DynamoTable."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def note(self, partition: Partition, since_ms: int) -> None:
        """There is something to do: one PutItem of one unit."""
        token = secrets.token_hex(8)
        self._table.put({"pk": _PK, "sk": str(partition), "since_ms": since_ms, "token": token})

    def everything(self) -> Sequence[Unsettled]:
        """All that is noted: one Query for each MB, which is some ten thousand of them."""
        return [
            Unsettled(
                Partition.parse(text_of(item, "sk")), number_of(item, "since_ms"), text_of(item, "token")
            )
            for page in self._table.query(_PK, _FIRST, _LAST)
            for item in page
        ]

    def settle(self, one: Unsettled) -> bool:
        """Forget it, unless it was noted again."""
        return self._table.delete(_PK, str(one.partition), "#token = :token", {"token": one.token})
