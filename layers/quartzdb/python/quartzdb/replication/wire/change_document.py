"""One change as a JSON document, and back. What is read is checked for its shape and for every limit of its own;
whether it fits a namespace is the receiver's to say.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson

from quartzdb.domain.change import Change, Delete, Patch, Upsert
from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.metadata import check_metadata
from quartzdb.domain.vector import NO_VECTOR, parse_vector, to_base64
from quartzdb.replication.ports import Changes, Feed
from quartzdb.replication.wire import fields
from quartzdb.replication.wire.fields import within
from quartzdb.replication.wire.limits import CHANGES_MAX, FOREIGN_METADATA_BYTES_MAX
from quartzdb.storage.ports import Item

_UPSERT = frozenset({"op", "id", "version", "vector", "metadata"})
_PATCH = frozenset({"op", "id", "version", "set", "unset"})
_DELETE = frozenset({"op", "id", "version"})
_PUT = frozenset({"op", "key", "version", "value", "content_type", "expires_at_ms"})
_DELETE_KEY = frozenset({"op", "key", "version"})
_UNSET_MAX = 32 * 1024
"""No more fields than metadata can have."""


def change_document(change: Change | Item) -> dict[str, object]:
    """A change of either feed."""
    if isinstance(change, Item):
        return _item_document(change)
    head: dict[str, object] = {"op": "delete", "id": change.id, "version": str(change.version)}
    if isinstance(change, Upsert):
        return {
            **head,
            "op": "upsert",
            "vector": to_base64(change.vector),
            "metadata": dict(change.metadata),
        }
    if isinstance(change, Patch):
        return {**head, "op": "patch", "set": dict(change.set), "unset": list(change.unset)}
    return head


def encoded_change(change: Change | Item) -> bytes:
    """A change of either feed as JSON."""
    return orjson.dumps(change_document(change))


def parse_changes(
    document: object, feed: Feed, position: str = "changes", *, most: int = CHANGES_MAX
) -> Changes:
    """Changes of one feed. Raises InvalidArgument, which names the place."""
    if feed is Feed.RECORDS:
        return fields.list_of(document, position, parse_change, most)
    return fields.list_of(document, position, parse_item, most)


def parse_change(document: object, position: str) -> Change:
    """A change of the feed `records`. Raises InvalidArgument."""
    change = fields.object_of(document, position)
    kind = fields.text_in(change, "op", position)
    known = {"upsert": _UPSERT, "patch": _PATCH, "delete": _DELETE}.get(kind)
    if known is None:
        raise _unknown_op(kind, position, "upsert, patch or delete")
    fields.object_of(change, position, known)
    record_id, version = (
        fields.text_in(change, "id", position),
        fields.version_in(change, "version", position),
    )
    if kind == "upsert":
        given = fields.text_in(change, "vector", position)
        vector = parse_vector(given, field=within(position, "vector")) if given else NO_VECTOR
        return Upsert(record_id, version, vector, _metadata(change, "metadata", position))
    if kind == "patch":
        unset = fields.list_of(change.get("unset", []), within(position, "unset"), fields.text, _UNSET_MAX)
        patch = Patch(record_id, version, _metadata(change, "set", position), tuple(unset))
        check_metadata(
            dict.fromkeys(unset), field=within(position, "unset"), bytes_max=FOREIGN_METADATA_BYTES_MAX
        )
        if patch.set.keys() & set(unset):
            raise InvalidArgument("A field is both set and unset.", field=within(position, "unset"))
        return patch
    return Delete(record_id, version)


def parse_item(document: object, position: str) -> Item:
    """A change of the feed `keys`; `appended` is the receiver's to set. Raises InvalidArgument."""
    change = fields.object_of(document, position)
    kind = fields.text_in(change, "op", position)
    known = {"put": _PUT, "delete": _DELETE_KEY}.get(kind)
    if known is None:
        raise _unknown_op(kind, position, "put or delete")
    fields.object_of(change, position, known)
    key, version = fields.text_in(change, "key", position), fields.version_in(change, "version", position)
    if kind == "delete":
        return Item(key, version, 0, None)
    return Item(
        key,
        version,
        0,
        fields.bytes_in(change, "value", position),
        fields.text_in(change, "content_type", position),
        fields.time_or_none_in(change, "expires_at_ms", position),
    )


def as_records(changes: Changes) -> Sequence[Change]:
    """Changes of the feed `records`. Raises InvalidArgument where one is of the other feed."""
    if any(isinstance(change, Item) for change in changes):
        raise InvalidArgument("A change of the feed `keys` came in the feed `records`.", field="changes")
    return cast("Sequence[Change]", changes)


def as_items(changes: Changes) -> Sequence[Item]:
    """Changes of the feed `keys`. Raises InvalidArgument where one is of the other feed."""
    if not all(isinstance(change, Item) for change in changes):
        raise InvalidArgument("A change of the feed `records` came in the feed `keys`.", field="changes")
    return cast("Sequence[Item]", changes)


def _item_document(item: Item) -> dict[str, object]:
    if item.value is None:
        return {"op": "delete", "key": item.key, "version": str(item.version)}
    return {
        "op": "put",
        "key": item.key,
        "version": str(item.version),
        "value": base64.b64encode(item.value).decode("ascii"),
        "content_type": item.content_type,
        "expires_at_ms": item.expires_at_ms,
    }


def _metadata(change: Mapping[str, Any], name: str, position: str) -> Mapping[str, object]:
    return check_metadata(
        change.get(name, {}), field=within(position, name), bytes_max=FOREIGN_METADATA_BYTES_MAX
    )


def _unknown_op(kind: str, position: str, allowed: str) -> InvalidArgument:
    return InvalidArgument(
        f"{kind[:80]!r} is no operation of this feed.", field=within(position, "op"), hint=allowed
    )
