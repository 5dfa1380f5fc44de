"""Digests and entries as JSON documents, and back. They are arrays, because there are many of them."""

from __future__ import annotations

from typing import Any

from quartzdb.domain.errors import InvalidArgument
from quartzdb.replication.ports import Digests, Entry, EntryPage
from quartzdb.replication.wire import fields
from quartzdb.replication.wire.limits import BUCKETS, ENTRIES_MAX


def digests_document(digests: Digests) -> dict[str, Any]:
    """What a site has, in 256 numbers."""
    return {"digests": [list(bucket) for bucket in digests.buckets], "through_ms": digests.through_ms}


def parse_digests(document: object) -> Digests:
    """What a site has. Raises InvalidArgument."""
    answer = fields.object_of(document, "")
    buckets = fields.list_of(answer.get("digests"), "digests", _bucket, BUCKETS, least=BUCKETS)
    return Digests(buckets, fields.integer_in(answer, "through_ms", ""))


def entries_document(page: EntryPage) -> dict[str, Any]:
    """The states behind one digest."""
    return {
        "entries": [
            [
                entry.id,
                "" if entry.base is None else str(entry.base),
                {name: str(version) for name, version in entry.patches.items()},
                entry.live,
            ]
            for entry in page.entries
        ],
        "more": page.more,
    }


def parse_entries(document: object) -> EntryPage:
    """The states behind one digest. Raises InvalidArgument."""
    answer = fields.object_of(document, "")
    entries = fields.list_of(answer.get("entries"), "entries", _entry, ENTRIES_MAX)
    return EntryPage(entries, fields.flag_in(answer, "more", ""))


def _bucket(document: object, position: str) -> tuple[int, int]:
    count, total = fields.list_of(document, position, fields.integer, 2, least=2)
    return count, total


def _entry(document: object, position: str) -> Entry:
    entry = fields.list_of(document, position, lambda value, _: value, 4, least=4)
    base = fields.text(entry[1], f"{position}[1]")
    patches = fields.object_of(entry[2], f"{position}[2]")
    if not isinstance(entry[3], bool):
        raise InvalidArgument("This must be true or false.", field=f"{position}[3]")
    return Entry(
        fields.text(entry[0], f"{position}[0]"),
        fields.version(base, f"{position}[1]") if base else None,
        {name: fields.version(value, f"{position}[2].{name[:80]}") for name, value in patches.items()},
        entry[3],
    )
