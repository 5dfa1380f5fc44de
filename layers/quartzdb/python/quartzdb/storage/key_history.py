"""The history of key-values: a note beside each item that is written, in a partition of its own, for change feeds.

A note is an item of the same table. Its key is its place, so a listing of notes is the history; its end is when it is
no longer kept, so forgetting what is over forgets it, too. An item that is to end has its expiry noted beforehand, at
its moment. Whatever replaces it sooner makes that note void.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

import orjson

from quartzdb.domain.expired import place_of
from quartzdb.domain.hlc import COUNTER_BITS, Version
from quartzdb.domain.limits import KEY_HISTORY_VALUE_BYTES_MAX, TIME_MS_MAX
from quartzdb.domain.namespace import Namespace, Partition
from quartzdb.storage.ports import Item, KeyValueTable

COMMITS = "c"
EXPIRIES = "x"
KEPT_MS_MIN = 600_000
_STAMP_DIGITS = 16
_AT_ONCE = 8
_AT_ONCE_MAX = 128
"""Notes of one look: values may be large, so a page begins with few."""


class NoteKind(StrEnum):
    """What a note tells. `void` tells nothing: what was to expire was replaced before."""

    PUT = "put"
    DELETE = "delete"
    EXPIRE = "expire"
    VOID = "void"


class KeyNote(NamedTuple):
    """One change of a key, or its expiry. `place` is its stamp, as `appended` is; an expiry stands after what has it.

    The item is as it was then. Its value is None where it was deleted, and where it was too large to be kept, or erased
    since; `value_bytes` says how many bytes it had.
    """

    kind: NoteKind
    place: int
    item: Item
    value_bytes: int


def notes_for(namespace: Namespace, kept_ms: int) -> Callable[[Item, Item | None], Sequence[Item]] | None:
    """What makes the notes of a put, for a table's `beside`; None for a namespace without history."""
    if not namespace.settings.key_history:
        return None
    kept = max(kept_ms, KEPT_MS_MIN)
    return lambda stored, previous: _notes(stored, previous, kept)


def forget_values(
    table: KeyValueTable,
    partition: Partition,
    version: Version,
    now_ms: int,
    keys: Collection[str] | None = None,
) -> None:
    """Take the values of those keys (None: of all) out of notes that are older than a version: they were erased. What
    changed is told all the same.
    """
    after, more = COMMITS, True
    while more:
        page = table.list(
            partition.of_history, prefix=COMMITS, after=after, limit=_AT_ONCE, now_ms=now_ms, values=True
        )
        for item in page.items:
            note = decode_note(item)
            after = item.key
            if note.item.value and note.item.version < version and (keys is None or note.item.key in keys):
                head, _, _ = (item.value or b"").partition(b"\n")
                body = orjson.dumps({**orjson.loads(head), "kept": False}) + b"\n"
                table.put(partition.of_history, replace(item, version=version, value=body))
        more = page.more


def read_notes(
    table: KeyValueTable,
    partition: Partition,
    of: str,
    after: str,
    upto: int,
    now_ms: int,
    *,
    first: int = _AT_ONCE,
) -> Iterator[KeyNote]:
    """Notes of commits or of expiries after a note's key, in their order, with a place up to a stamp; void ones too."""
    at_once, more = first, True
    while more:
        page = table.list(
            partition.of_history, prefix=of, after=after, limit=at_once, now_ms=now_ms, values=True
        )
        for item in page.items:
            note = decode_note(item)
            if note.place > upto:
                return
            yield note
            after = item.key
        more, at_once = page.more, min(2 * at_once, _AT_ONCE_MAX)


def note_key(of: str, place: int, key: str = "") -> str:
    """The key of a note; without a key of the namespace, before all at a place."""
    return f"{of}{place:0{_STAMP_DIGITS}x}{key}"


def decode_note(item: Item) -> KeyNote:
    """A note from the item that it is."""
    head, _, value = (item.value or b"").partition(b"\n")
    fields = orjson.loads(head)
    kind = NoteKind(fields["kind"])
    place = int(item.key[1 : 1 + _STAMP_DIGITS], 16)
    told = Item(
        item.key[1 + _STAMP_DIGITS :],
        Version.parse(fields["version"]) if kind is not NoteKind.VOID else item.version,
        place,
        value if fields.get("kept") else None,
        fields.get("type", ""),
        fields.get("ends"),
    )
    return KeyNote(kind, place, told, fields.get("bytes", 0))


def _notes(stored: Item, previous: Item | None, kept_ms: int) -> Sequence[Item]:
    committed_ms = stored.appended >> COUNTER_BITS
    value = stored.value
    kind = NoteKind.DELETE if value is None else NoteKind.PUT
    notes = [
        _item(note_key(COMMITS, stored.appended, stored.key), kind, stored, committed_ms + kept_ms, value)
    ]
    ends: str | None = None
    if value is not None and stored.expires_at_ms is not None:
        place = max(place_of(stored.expires_at_ms), stored.appended)
        ends = note_key(EXPIRIES, place, stored.key)
        until_ms = max(stored.expires_at_ms, committed_ms) + kept_ms
        notes.append(_item(ends, NoteKind.EXPIRE, stored, until_ms, None))
    if previous is not None and previous.value is not None and previous.expires_at_ms is not None:
        before = place_of(previous.expires_at_ms)
        voided = note_key(EXPIRIES, before, stored.key)
        if before >= stored.appended and voided != ends:
            until_ms = previous.expires_at_ms + kept_ms
            notes.append(_item(voided, NoteKind.VOID, stored, until_ms, None))
    return notes


def _item(key: str, kind: NoteKind, of: Item, until_ms: int, value: bytes | None) -> Item:
    fields: dict[str, object] = {"kind": kind}
    kept = value is not None and len(value) <= KEY_HISTORY_VALUE_BYTES_MAX
    if kind is not NoteKind.VOID:
        fields |= {"version": str(of.version), "ends": of.expires_at_ms}
    if kind is NoteKind.PUT:
        fields |= {"type": of.content_type, "bytes": len(value or b""), "kept": kept}
    body = orjson.dumps(fields) + b"\n" + (value if kept and value is not None else b"")
    return Item(key, of.version, of.appended, body, expires_at_ms=min(until_ms, TIME_MS_MAX))
