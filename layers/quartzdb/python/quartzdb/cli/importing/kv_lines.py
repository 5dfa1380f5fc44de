"""Key-values from JSON lines: {"key": …, "value": base64, "content_type": …, "expires_at_ms": …}."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from quartzdb.cli.importing.jsonl import json_object
from quartzdb.cli.importing.line_file import LineFile
from quartzdb.cli.importing.source import BadLine, ImportLine
from quartzdb.domain.metadata import json_type
from quartzdb.domain.values import dataclass

_FIELDS = ("key", "value", "content_type", "expires_at_ms")


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

    def __init__(self, file: LineFile) -> None:
        self._file = file

    def lines(self, after: int) -> Iterator[ImportLine]:
        """What follows line number `after`."""
        for number, text in self._file.lines(after):
            try:
                content: SourceItem | BadLine = _item(text)
            except BadLine as bad:
                content = bad
            yield ImportLine(number, number, content)


def _item(text: bytes) -> SourceItem:
    document = json_object(text)
    unknown = sorted(document.keys() - set(_FIELDS))
    if unknown:
        raise BadLine(f"{unknown[0]!r} is no field of a key-value", hint=f"A line has {', '.join(_FIELDS)}.")
    key, value = document.get("key"), document.get("value")
    content_type, expires_at_ms = document.get("content_type"), document.get("expires_at_ms")
    for name, given in (("key", key), ("value", value)):
        if name not in document:
            raise BadLine(f"there is no {name!r}")
        if not isinstance(given, str):
            raise BadLine(f"{name}: must be a string, not {json_type(given)}")
    if content_type is not None and not isinstance(content_type, str):
        raise BadLine(f"content_type: must be a string, not {json_type(content_type)}")
    if expires_at_ms is not None and type(expires_at_ms) is not int:
        raise BadLine(f"expires_at_ms: must be a whole number, not {json_type(expires_at_ms)}")
    try:
        return SourceItem(str(key), base64.b64decode(str(value), validate=True), content_type, expires_at_ms)
    except (binascii.Error, ValueError) as error:
        raise BadLine(f"value: not base64: {error}") from error
