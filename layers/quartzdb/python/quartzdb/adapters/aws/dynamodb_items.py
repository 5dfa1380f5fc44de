"""A key-value item as a DynamoDB item, and the rule of `Item.replaces` as a condition that DynamoDB checks itself."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from quartzdb.adapters.aws.dynamodb_sort_key import sort_key
from quartzdb.adapters.aws.dynamodb_values import Attributes, Value, bytes_of, number_of, text_of
from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import HISTORY_SHARD, Partition
from quartzdb.storage.ports import Expect, Item

WITHOUT_BODY = ("pk", "sk", "key", "version", "appended", "content_type", "bytes", "expires_at_ms", "spilled")
"""What of an item shows everything but its value."""
NO_ITEM = "attribute_not_exists(#pk)"
SAME_VERSION = "#version = :before"
"""That the item is still the one of the version `before`."""


class Stored(NamedTuple):
    """An item as it was read. `spilled` names the blob that has its value; the item then has b"" for it."""

    item: Item
    spilled: str | None


def partition_key(partition: Partition) -> str:
    """Where a partition's items are, and their feed."""
    return "KV#" + "#".join(
        (partition.tenant, partition.namespace, partition.generation, str(partition.shard))
    )


def spill_name(item: Item) -> str:
    """The blob of one version of one key."""
    return f"{sha256(item.key.encode()).hexdigest()[:32]}-{item.version}"


def encode_item(
    partition: Partition, item: Item, spilled: str | None, *, expired_kept_ms: int = 0
) -> Attributes:
    """The DynamoDB item. `bytes` are those of key and value; a tombstone has none, and no other mark.

    DynamoDB forgets it so long after it has expired; `purge` may do so before.
    """
    pk = partition_key(partition)
    sk = sort_key(item.key)
    stored: dict[str, Value] = {
        "pk": pk,
        "sk": sk,
        "appended": item.appended,
        "version": str(item.version),
        "content_type": item.content_type,
    }
    if partition.shard != HISTORY_SHARD:
        # Notes of the history are found by their keys: an entry in the index would cost as much as the note.
        stored["feed"] = pk
    if sk != item.key:
        stored["key"] = item.key
    if item.expires_at_ms is not None:
        stored["expires_at_ms"] = item.expires_at_ms
    if item.value is None:
        return stored
    stored["bytes"] = len(item.key.encode()) + len(item.value)
    if spilled is not None:
        # Without DynamoDB's own expiry, which would forget the blob: `purge` removes both.
        return {**stored, "spilled": spilled}
    if item.expires_at_ms is not None:
        stored["expires_at"] = -(-(item.expires_at_ms + expired_kept_ms) // 1000)
    return {**stored, "body": item.value}


def decode_item(stored: Attributes) -> Stored:
    """The item; without its value (b"") where that is a blob or was not asked for."""
    key = text_of(stored, "key" if "key" in stored else "sk")
    value = None
    if "bytes" in stored:
        value = bytes_of(stored, "body") if "body" in stored else b""
    item = Item(
        key,
        version_of(stored),
        number_of(stored, "appended"),
        value,
        text_of(stored, "content_type"),
        number_of(stored, "expires_at_ms") if "expires_at_ms" in stored else None,
    )
    return Stored(item, text_of(stored, "spilled") if "spilled" in stored else None)


def version_of(stored: Attributes) -> Version:
    """The version of an item, or of its entry in the index."""
    stamp, _, writer = text_of(stored, "version").partition(".")
    return Version(int(stamp, 16), writer)


def taking_effect(item: Item, expect: Expect | None) -> tuple[str, Attributes]:
    """`Item.replaces` as a condition and its values. Versions compare as text, in the order of their stamps."""
    earlier: dict[str, Value] = {"version": str(item.version)}
    if expect is None:
        return "attribute_not_exists(#pk) OR #version < :version", earlier
    values = {**earlier, "now": expect.now_ms}
    if expect.version is None:
        gone = "(attribute_not_exists(#bytes) OR #expires_at_ms <= :now)"
        return f"attribute_not_exists(#pk) OR (#version < :version AND {gone})", values
    live = "attribute_exists(#bytes) AND (attribute_not_exists(#expires_at_ms) OR #expires_at_ms > :now)"
    values["expected"] = str(expect.version)
    return f"#version = :expected AND #version < :version AND {live}", values
