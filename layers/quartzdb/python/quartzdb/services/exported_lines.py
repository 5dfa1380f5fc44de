"""What an export has of a namespace: a header, and records or key-values as JSON lines that an import reads back."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import orjson

from quartzdb.domain.namespace import Namespace
from quartzdb.domain.vector import to_base64
from quartzdb.services.keyvalue import KeyValues
from quartzdb.services.records import Records

FORMAT = 1
HEADER_FIELD = "quartzdb_export"
"""A line is told from a record by its one field, which no record may have."""
RECORDS_AT_ONCE = 1_000
_VECTORS_BYTES_AT_ONCE = 8_000_000
_BYTES_A_COMPONENT = 20
"""Of a number as text, about."""
_RECORDS_AT_ONCE_MIN = 50
_KEYS_AT_ONCE = 20
"""Values may have 10 MiB each, and a page is held in memory."""


class Lines(NamedTuple):
    """A page of them, and where the next begins; None: there is none."""

    lines: Sequence[bytes]
    cursor: str | None


def encode_header(kind: str, namespace: Namespace) -> bytes:
    """The first line: `kind` is records or kv; settings are written as they are named in NamespaceSettings."""
    document = {
        "format": FORMAT,
        "kind": kind,
        "namespace": namespace.name,
        "settings": asdict(namespace.settings),
    }
    return orjson.dumps({HEADER_FIELD: document}, option=orjson.OPT_APPEND_NEWLINE)


def record_lines(
    records: Records, namespace: Namespace, cursor: str | None, *, base64_vectors: bool = False
) -> Lines:
    """Of its records, a line each. Raises NamespaceNotFound where it was deleted since."""
    fitting = _VECTORS_BYTES_AT_ONCE // (_BYTES_A_COMPONENT * (namespace.settings.dimension or 1))
    limit = max(_RECORDS_AT_ONCE_MIN, min(RECORDS_AT_ONCE, fitting))
    page = records.list(namespace, cursor=cursor, limit=limit)
    found = records.fetch(namespace, page.items) if page.items else {}
    lines = []
    for record_id in page.items:
        record = found.get(record_id)
        if record is None:
            continue  # deleted since it was listed
        document: dict[str, Any] = {
            "id": record.id,
            "vector": to_base64(record.vector) if base64_vectors else record.vector,
        }
        if record.metadata:
            document["metadata"] = dict(record.metadata)
        lines.append(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE))
    return Lines(lines, page.cursor)


def key_value_lines(key_values: KeyValues, namespace: Namespace, cursor: str | None) -> Lines:
    """Of its key-values, a line each."""
    page = key_values.list(namespace, cursor=cursor, limit=_KEYS_AT_ONCE, values=True)
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
