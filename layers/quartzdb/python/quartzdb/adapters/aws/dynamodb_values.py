"""DynamoDB's typed attribute values to and from Python's. Only the three types that the table uses: S, N and B."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Value = str | int | bytes
Attributes = Mapping[str, Value]


def encode_value(value: Value) -> dict[str, Any]:
    """The typed form of one value."""
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bytes):
        return {"B": value}
    return {"N": str(value)}


def encode_attributes(attributes: Attributes) -> dict[str, Any]:
    """The typed form of an item or of expression values."""
    return {name: encode_value(value) for name, value in attributes.items()}


def decode_attributes(typed: Mapping[str, Any]) -> dict[str, Value]:
    """An item as Python values."""
    attributes: dict[str, Value] = {}
    for name, value in typed.items():
        ((kind, content),) = value.items()
        attributes[name] = int(content) if kind == "N" else content
    return attributes


def text_of(attributes: Attributes, name: str) -> str:
    """An attribute that is always there and is text."""
    value = attributes[name]
    assert isinstance(value, str)
    return value


def number_of(attributes: Attributes, name: str) -> int:
    """An attribute that is always there and is a whole number."""
    value = attributes[name]
    assert isinstance(value, int)
    return value


def bytes_of(attributes: Attributes, name: str) -> bytes:
    """An attribute that is always there and is bytes."""
    value = attributes[name]
    assert isinstance(value, bytes)
    return value
