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
from quartzdb_client.types import KeyChange, Receipt


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
            raise ValueError("The value was not asked for: get(key), or list(values=True).")
        return self.value.decode()

    @property
    def json(self) -> Any:
        """The value as JSON. Raises ValueError."""
        return json.loads(self.text)

    @staticmethod
    def of(document: ItemDocument, usage: Receipt | None) -> Item:
        """Of an item in a list."""
        value = _bytes(document.value, document.value_base64)
        return Item(document.key, value, document.content_type, document.version, document.expires_at, usage)


@dataclass(frozen=True, slots=True)
class ItemChange:
    """What a key is now, that changed. `kind` is "put" or "delete", or what a newer server knows beside these."""

    kind: str
    key: str
    version: str
    at: str
    value: bytes | None
    content_type: str | None
    expires_at: str | None

    @property
    def text(self) -> str:
        """The value as UTF-8. Raises UnicodeDecodeError, ValueError where there is none."""
        if self.value is None:
            raise ValueError("There is no value: it was deleted, or not asked for by changes(values=True).")
        return self.value.decode()

    @staticmethod
    def of(document: KeyChange) -> ItemChange:
        """Of a change in a feed."""
        return ItemChange(
            document.kind,
            document.key,
            document.version,
            document.at,
            _bytes(document.value, document.value_base64),
            document.content_type,
            document.expires_at,
        )


@dataclass(frozen=True, slots=True)
class Found:
    """The items of several keys, and which keys have none."""

    items: Sequence[Item]
    missing: Sequence[str]
    usage: Receipt


def item_of(key: str, answer: Answer, *, with_value: bool = True) -> Item:
    """Of the answer that has one value as its body, or tells of it in its headers alone."""
    headers = answer.headers
    usage = headers.get("x-usage")
    return Item(
        key,
        answer.content if with_value else None,
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


def _bytes(text: str | None, in_base64: str | None) -> bytes | None:
    if in_base64 is not None:
        return b64decode(in_base64)
    return None if text is None else text.encode()
