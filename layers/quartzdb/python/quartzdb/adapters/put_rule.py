"""When a key-value put takes effect. The one rule that every KeyValueTable follows; it does no I/O."""

from __future__ import annotations

from quartzdb.storage.ports import Expect, Item


def takes_effect(item: Item, previous: Item | None, expect: Expect | None) -> bool:
    """Whether `item` replaces `previous`: the condition holds and the stored version is earlier.

    Only a live item can be named by an expected version; a tombstone or an expired item counts as no item.
    """
    if previous is not None and previous.version >= item.version:
        return False
    if expect is None:
        return True
    live = previous.version if previous is not None and previous.live(expect.now_ms) else None
    return live == expect.version


def without_value(item: Item) -> Item:
    """The item as a listing or a put's outcome shows it: b"" in place of a value, None still for a tombstone."""
    if not item.value:
        return item
    return Item(item.key, item.version, item.appended, b"", item.content_type, item.expires_at_ms)
