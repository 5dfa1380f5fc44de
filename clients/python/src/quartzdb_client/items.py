"""Items of key-values."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quartzdb_client.calls import Answer
from quartzdb_client.decoding import decode
from quartzdb_client.types import Item as ItemDocument
from quartzdb_client.types import Receipt


@dataclass(frozen=True, slots=True)
class Item:
    """A key with its value, type and version. `value` is None where only keys were asked for."""

    key: str
    value: bytes | None
    content_type: str
    version: str
    expires_at: str | None
    usage: Receipt | None

    @property
    def text(self) -> str:
        """The value as UTF-8. Raises UnicodeDecodeError, ValueError where it was not asked for."""
        if self.value is None:
            raise ValueError("Values were not asked for: list(values=True).")
        return self.value.decode()

    @property
    def json(self) -> Any:
        """The value as JSON. Raises ValueError."""
        return json.loads(self.text)

    @staticmethod
    def of(document: ItemDocument, usage: Receipt | None) -> Item:
        """Of an item in a list."""
        value = None if document.value is None else document.value.encode()
        if document.value_base64 is not None:
            value = b64decode(document.value_base64)
        return Item(document.key, value, document.content_type, document.version, document.expires_at, usage)


@dataclass(frozen=True, slots=True)
class Found:
    """The items of several keys, and which keys have none."""

    items: Sequence[Item]
    missing: Sequence[str]
    usage: Receipt


def item_of(key: str, answer: Answer) -> Item:
    """Of the answer that has one value as its body."""
    headers = answer.headers
    usage = headers.get("x-usage")
    return Item(
        key,
        answer.content,
        headers.get("content-type", ""),
        headers.get("x-quartzdb-version", ""),
        headers.get("x-quartzdb-expires"),
        None if usage is None else decode(Receipt, json.loads(usage)),
    )


def item_to_put(key: str, value: bytes | str) -> dict[str, str]:
    """As it is sent among others."""
    if isinstance(value, str):
        return {"key": key, "value": value}
    return {"key": key, "value_base64": b64encode(value).decode("ascii")}


def condition(if_version: str | None, if_absent: bool) -> dict[str, str]:
    """The headers of a write that goes through only at a version, or only where there is nothing."""
    if if_version is not None:
        return {"If-Match": f'"{if_version}"'}
    return {"If-None-Match": "*"} if if_absent else {}
