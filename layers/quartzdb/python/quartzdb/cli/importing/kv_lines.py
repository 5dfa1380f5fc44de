"""Key-values from JSON lines: {"key": …, "value": base64, "content_type": …, "expires_at_ms": …}."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from quartzdb.cli.importing.jsonl import json_object, numbered_lines
from quartzdb.cli.importing.source import BadLine, ImportLine

_FIELDS = {"key", "value", "content_type", "expires_at_ms"}


@dataclass(frozen=True, slots=True)
class SourceItem:
    """One key-value of the source."""

    key: str
    value: bytes
    content_type: str | None = None
    expires_at_ms: int | None = None


class KeyValueLines:
    """Positions are line numbers. Empty lines are passed over."""

    total: int | None = None

    def __init__(self, path: Path) -> None:
        self._path = path

    def lines(self, after: int) -> Iterator[ImportLine]:
        """What follows line number `after`."""
        for number, text in numbered_lines(self._path, after):
            try:
                content: SourceItem | BadLine = _item(text)
            except BadLine as bad:
                content = bad
            yield ImportLine(number, number, content)


def _item(text: bytes) -> SourceItem:
    document = json_object(text)
    unknown = sorted(document.keys() - _FIELDS)
    if unknown:
        raise BadLine(
            f"{unknown[0]!r} is no field of a key-value", hint=f"A line has {', '.join(sorted(_FIELDS))}."
        )
    key, value = document.get("key"), document.get("value")
    content_type, expires_at_ms = document.get("content_type"), document.get("expires_at_ms")
    if not isinstance(key, str) or not isinstance(value, str):
        raise BadLine("`key` and `value` must both be there, as strings; the value in base64")
    if content_type is not None and not isinstance(content_type, str):
        raise BadLine("`content_type` must be a string")
    if expires_at_ms is not None and type(expires_at_ms) is not int:
        raise BadLine("`expires_at_ms` must be a whole number")
    try:
        return SourceItem(key, base64.b64decode(value, validate=True), content_type, expires_at_ms)
    except (binascii.Error, ValueError) as error:
        raise BadLine(f"value: not base64: {error}") from error
