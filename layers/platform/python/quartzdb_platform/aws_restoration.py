"""The composition root of a restoration of the platform's table. Apart from what the functions import."""

from __future__ import annotations

from quartzdb.adapters.aws.dynamodb_copy import DynamoTableCopy
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.wiring.aws_clients import AwsClients


def make_equal(
    restored_table: str, table: str, *, apply: bool, clients: AwsClients | None = None
) -> tuple[int, int]:
    """How many documents of `table` are to be put and deleted to be those of the other; does it, if `apply`.

    Safe to repeat, while nobody else writes. Raises InvalidArgument where both are one, Unavailable.
    """
    clients = clients or AwsClients()
    copy = DynamoTableCopy(clients.dynamodb, restored_table, table, SystemClock(), kept=())
    return copy.make_equal(apply=apply)
