"""What an export has of a namespace: a header, and records or key-values as JSON lines that an import reads back."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import orjson

from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.domain.vector import to_base64
from quartzdb.services.exported_pages import item_page, record_page
from quartzdb.services.keyvalue import KeyValues
from quartzdb.services.records import Records

FORMAT = 1
HEADER_FIELD = "quartzdb_export"
"""A line is told from a record by its one field, which no record may have."""


class Lines(NamedTuple):
    """A page of them, and where the next begins; None: there is none."""

    lines: Sequence[bytes]
    cursor: str | None


def encode_header(kind: str, namespace: Namespace) -> bytes:
    """The first line: `kind` is records or kv; settings are written as they are named in NamespaceSettings."""
    return orjson.dumps({HEADER_FIELD: header_document(kind, namespace)}, option=orjson.OPT_APPEND_NEWLINE)


def header_document(kind: str, namespace: Namespace) -> dict[str, Any]:
    """What a header says, in a format of any kind."""
    return {
        "format": FORMAT,
        "kind": kind,
        "namespace": namespace.name,
        "settings": settings_document(namespace.settings),
    }


def settings_document(settings: NamespaceSettings) -> dict[str, Any]:
    """Settings by name. What not every release knows is left out where it is not used."""
    document = asdict(settings)
    text, sparse = document.pop("text"), list(document.pop("sparse"))
    if not document["key_history"]:
        del document["key_history"]
    return document | ({"text": text} if text else {}) | ({"sparse": sparse} if sparse else {})


def record_lines(
    records: Records, namespace: Namespace, cursor: str | None, *, base64_vectors: bool = False
) -> Lines:
    """Of its records, a line each. Raises NamespaceNotFound where it was deleted since."""
    page = record_page(records, namespace, cursor)
    lines = []
    for record in page.items:
        document: dict[str, Any] = {"id": record.id}
        if record.vector.size:
            document["vector"] = to_base64(record.vector) if base64_vectors else record.vector
        if record.metadata:
            document["metadata"] = dict(record.metadata)
        if record.expires_at_ms is not None:
            document["expires_at_ms"] = record.expires_at_ms
        lines.append(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE))
    return Lines(lines, page.cursor)


def key_value_lines(key_values: KeyValues, namespace: Namespace, cursor: str | None) -> Lines:
    """Of its key-values, a line each."""
    page = item_page(key_values, namespace, cursor)
    lines = []
    for item in page.items:
        document: dict[str, Any] = {
            "key": item.key,
            "value": base64.b64encode(item.value or b"").decode("ascii"),
            "content_type": item.content_type,
        }
        if item.expires_at_ms is not None:
            document["expires_at_ms"] = item.expires_at_ms
        lines.append(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))
    return Lines(lines, page.cursor)
