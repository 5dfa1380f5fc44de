"""Records of the table's stream: which log each of them was written to, and when.

Only keys are read. Entries are folded from the log, which has them in whatever state they are by now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any

from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import Partition
from quartzdb.domain.values import dataclass

_LOG = "LOG"


@dataclass(slots=True)
class Written:
    """The records of one log in a batch. `since_ms` is the unix time of the earliest entry."""

    partition: Partition
    since_ms: int
    sequence_numbers: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Batch:
    """A batch by log, in the order in which each first appears; and the records that are not what they should be."""

    logs: dict[Partition, Written] = field(default_factory=dict)
    malformed: dict[str, str] = field(default_factory=dict)


def read_batch(records: Iterable[Mapping[str, Any]]) -> Batch:
    """Sort the records of an event. Whatever is no new log entry is left out: other items, changes, deletions."""
    batch = Batch()
    for record in records:
        number = str(record["dynamodb"]["SequenceNumber"])
        if record.get("eventName") != "INSERT":
            continue
        try:
            entry = _entry(record["dynamodb"]["Keys"])
        except (InvalidArgument, KeyError, TypeError, ValueError) as error:
            batch.malformed[number] = f"{type(error).__name__}: {error}"
            continue
        if entry is not None:
            partition, key = entry
            written = batch.logs.setdefault(partition, Written(partition, key.milliseconds))
            written.since_ms = min(written.since_ms, key.milliseconds)
            written.sequence_numbers.append(number)
    return batch


def _entry(keys: Mapping[str, Any]) -> tuple[Partition, Version] | None:
    """The log and the key of an entry; None for items of another kind. Raises for what only looks like an entry."""
    kind, *place = keys["pk"]["S"].split("#")
    sk = keys["sk"]["S"]
    if kind != _LOG or sk.startswith("~"):
        return None
    tenant, namespace, generation, shard = place
    return Partition(tenant, namespace, generation, int(shard)), Version.parse(sk)
