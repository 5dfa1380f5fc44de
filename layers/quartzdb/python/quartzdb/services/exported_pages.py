"""A walk over all that a namespace has, a page at a time: what an export of any format is made of."""

from __future__ import annotations

from quartzdb.domain.namespace import Namespace
from quartzdb.domain.record import Record
from quartzdb.services.keyvalue import KeyValues
from quartzdb.services.page import Page
from quartzdb.services.records import Records
from quartzdb.storage.ports import Item

RECORDS_AT_ONCE = 1_000
_VECTORS_BYTES_AT_ONCE = 8_000_000
_BYTES_A_COMPONENT = 20
"""Of a number as text, about."""
_RECORDS_AT_ONCE_MIN = 50
_KEYS_AT_ONCE = 20
"""Values may have 10 MiB each, and a page is held in memory."""


def record_page(records: Records, namespace: Namespace, cursor: str | None) -> Page[Record]:
    """Records in the order of their ids, from the cursor on. Raises NamespaceNotFound where it was deleted since."""
    fitting = _VECTORS_BYTES_AT_ONCE // (_BYTES_A_COMPONENT * max(1, namespace.settings.vector_size))
    limit = max(_RECORDS_AT_ONCE_MIN, min(RECORDS_AT_ONCE, fitting))
    page = records.list(namespace, cursor=cursor, limit=limit)
    found = records.fetch(namespace, page.items) if page.items else {}
    # One that was deleted since it was listed is not found.
    return Page([found[record_id] for record_id in page.items if record_id in found], page.cursor)


def item_page(key_values: KeyValues, namespace: Namespace, cursor: str | None) -> Page[Item]:
    """The key-values that follow the cursor, with their values."""
    return key_values.list(namespace, cursor=cursor, limit=_KEYS_AT_ONCE, values=True)
