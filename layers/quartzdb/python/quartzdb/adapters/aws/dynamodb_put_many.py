"""Putting several key-value items together: all of them in one DynamoDB transaction, or none.

A transaction takes 100 items, and nothing else in DynamoDB is all-or-none. A larger batch could only be applied in
steps, which a failure in between would show, so it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quartzdb.adapters.aws.dynamodb_items import (
    NO_ITEM,
    SAME_VERSION,
    WITHOUT_BODY,
    Stored,
    decode_item,
    encode_item,
    partition_key,
    spill_name,
)
from quartzdb.adapters.aws.dynamodb_sort_key import sort_key
from quartzdb.adapters.aws.dynamodb_table import TRANSACTION_ITEMS_MAX, Committed, DynamoTable
from quartzdb.adapters.aws.dynamodb_values import Attributes
from quartzdb.adapters.aws.spilled_bodies import SpilledBodies
from quartzdb.domain.errors import TooLarge, Unavailable
from quartzdb.domain.namespace import Partition
from quartzdb.domain.outcomes import once_written
from quartzdb.storage.ports import Item, PutOutcome

TRANSACTION_BYTES_MAX = 3_500_000
"""A transaction takes 4 MB; the rest is room for keys, names and whatever else DynamoDB counts."""
INLINE_IN_LARGE_BATCH_MAX = 24 * 1024
"""In a batch that would not fit, values above this are blobs: 100 times this and the longest keys do fit."""
_ATTEMPTS_MAX = 8


def put_together(
    table: DynamoTable,
    spilled: SpilledBodies,
    partition: Partition,
    items: Sequence[Item],
    *,
    inline_bytes_max: int,
    expired_kept_ms: int = 0,
) -> Sequence[PutOutcome]:
    """Store each item as a put without a condition would, in order.

    Raises TooLarge and Unavailable; nothing is stored then.
    """
    if len(items) > TRANSACTION_ITEMS_MAX:
        raise TooLarge(
            f"The batch has {len(items)} items; at most {TRANSACTION_ITEMS_MAX} can be stored together.",
            field="items",
            hint="Split the batch.",
        )
    if not items:
        return []
    if sum(_bytes_of(item) for item in items if _bytes_of(item) <= inline_bytes_max) > TRANSACTION_BYTES_MAX:
        inline_bytes_max = INLINE_IN_LARGE_BATCH_MAX
    references: dict[str, str] = {}
    for attempt in range(1, _ATTEMPTS_MAX + 1):
        before = _read(table, partition, items)
        after, outcomes = _decide(before, items)
        for item in after.values():
            name = spill_name(item)
            if name not in references and _bytes_of(item) > inline_bytes_max:
                references[name] = spilled.store(partition, name, item.value or b"")
        actions = [
            _action(
                table,
                encode_item(
                    partition, item, references.get(spill_name(item)), expired_kept_ms=expired_kept_ms
                ),
                before.get(item.key),
            )
            for item in after.values()
        ]
        committed = table.transact(actions) if actions else Committed.YES
        if committed is Committed.YES:
            with once_written():
                _tidy(spilled, references, before, after)
            return outcomes
        # Another writer was faster with one of the keys, or is at it just now.
        table.wait(attempt)
    spilled.delete(list(references.values()))
    raise Unavailable(
        f"Other writers of these keys were faster, {_ATTEMPTS_MAX} times over.",
        hint="Nothing was stored. Try again in a moment.",
    )


def _read(table: DynamoTable, partition: Partition, items: Sequence[Item]) -> dict[str, Stored]:
    pk = partition_key(partition)
    keys = [(pk, sort_key(key)) for key in dict.fromkeys(item.key for item in items)]
    there = [decode_item(item) for item in table.batch_get(keys, WITHOUT_BODY)]
    return {stored.item.key: stored for stored in there}


def _decide(
    before: Mapping[str, Stored], items: Sequence[Item]
) -> tuple[Mapping[str, Item], Sequence[PutOutcome]]:
    """The new state of each key that changes, and what each put did, one after the other."""
    after: dict[str, Item] = {}
    outcomes: list[PutOutcome] = []
    for item in items:
        previous = after.get(item.key) or (before[item.key].item if item.key in before else None)
        stored = item.replaces(previous, None)
        if stored:
            after[item.key] = item
        outcomes.append(PutOutcome(stored, None if previous is None else previous.without_value()))
    return after, outcomes


def _action(table: DynamoTable, encoded: Attributes, before: Stored | None) -> dict[str, object]:
    if before is None:
        return table.put_action(encoded, NO_ITEM)
    return table.put_action(encoded, SAME_VERSION, {"before": str(before.item.version)})


def _tidy(
    spilled: SpilledBodies,
    references: Mapping[str, str],
    before: Mapping[str, Stored],
    after: Mapping[str, Item],
) -> None:
    """Forget the values that were replaced, and those that were stored for an item which came too late."""
    used = {references.get(spill_name(item)) for item in after.values()}
    stays = {stored.spilled for key, stored in before.items() if key not in after}
    replaced = {stored.spilled for key, stored in before.items() if key in after}
    gone = (replaced | set(references.values())) - used - stays
    spilled.delete(sorted(reference for reference in gone if reference is not None))


def _bytes_of(item: Item) -> int:
    return len(item.value or b"")
