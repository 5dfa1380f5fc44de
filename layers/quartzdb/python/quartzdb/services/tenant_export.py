"""Everything that a tenant has as files of lines, page by page: whoever has the cursor goes on, in whatever process."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from quartzdb.domain.cursor import decode_cursor, encode_cursor
from quartzdb.domain.errors import NamespaceNotFound
from quartzdb.domain.namespace import Namespace
from quartzdb.services.exported_lines import Lines, encode_header, key_value_lines, record_lines
from quartzdb.services.keyvalue import KeyValues
from quartzdb.services.namespaces import Namespaces
from quartzdb.services.records import Records

_RECORDS, _KEY_VALUES = "records", "kv"


class ExportPage(NamedTuple):
    """Lines of one file; pages of a file follow each other. `file` None: these are none. `cursor` None: the end."""

    file: str | None
    lines: bytes
    cursor: str | None


class TenantExport:
    """One instance serves every tenant. What is written during an export may or may not be in it."""

    def __init__(self, namespaces: Namespaces, records: Records, key_values: KeyValues) -> None:
        self._namespaces = namespaces
        self._records = records
        self._key_values = key_values

    def page(self, tenant: str, cursor: str | None) -> ExportPage:
        """The next lines. Raises InvalidCursor, Unavailable."""
        listing = f"tenant/{tenant}"
        place = json.loads(decode_cursor(listing, cursor)) if cursor else _place(None)
        found = self._namespaces.list(tenant, cursor=place["at"], limit=1)
        if not found.items:
            return ExportPage(None, b"", None)
        namespace = found.items[0]
        if place["generation"] != namespace.generation:
            # Where it begins; or the one that was being read is gone, and this one comes in its place.
            place = {**_place(place["at"]), "generation": namespace.generation, "kind": _kinds(namespace)[0]}
        kind = place["kind"]
        try:
            lines = self._lines(namespace, kind, place["within"])
        except NamespaceNotFound:
            lines = Lines((), None)
        first = (encode_header(kind, namespace),) if place["within"] is None else ()
        following = _following(namespace, place, lines.cursor, found.cursor)
        return ExportPage(
            f"{namespace.name}.{kind}.jsonl",
            b"".join((*first, *lines.lines)),
            encode_cursor(listing, json.dumps(following)) if following else None,
        )

    def _lines(self, namespace: Namespace, kind: str, within: str | None) -> Lines:
        if kind == _RECORDS:
            return record_lines(self._records, namespace, within)
        return key_value_lines(self._key_values, namespace, within)


def _kinds(namespace: Namespace) -> tuple[str, ...]:
    return (_RECORDS, _KEY_VALUES) if namespace.settings.holds_records else (_KEY_VALUES,)


def _place(at: str | None) -> dict[str, Any]:
    """Where a namespace begins; `at` leads to it in the listing of namespaces."""
    return {"at": at, "generation": None, "kind": None, "within": None}


def _following(
    namespace: Namespace, place: dict[str, Any], within: str | None, next_namespace: str | None
) -> dict[str, Any] | None:
    if within is not None:
        return {**place, "within": within}
    kinds = _kinds(namespace)
    if place["kind"] != kinds[-1]:
        return {**place, "kind": kinds[-1], "within": None}
    return None if next_namespace is None else _place(next_namespace)
