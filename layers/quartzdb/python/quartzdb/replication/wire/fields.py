"""Reading fields of a foreign document, strictly. Each error names the place; nothing is guessed or converted."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from quartzdb.domain.errors import InvalidArgument, InvalidVersion, TooLarge
from quartzdb.domain.hlc import Version
from quartzdb.domain.limits import TIME_MS_MAX
from quartzdb.domain.metadata import json_type

INTEGER_MAX = (1 << 53) - 1
"""The largest integer that every JSON parser keeps."""
T = TypeVar("T")


def object_of(document: object, place: str, allowed: frozenset[str] | None = None) -> Mapping[str, Any]:
    """A JSON object that has no field besides those allowed. Raises InvalidArgument."""
    if not isinstance(document, Mapping):
        raise InvalidArgument(f"This must be an object, not {json_type(document)}.", field=place or None)
    if allowed is not None and not document.keys() <= allowed:
        unknown = sorted(str(name) for name in document.keys() - allowed)[0]
        raise InvalidArgument(
            f"There is no field {unknown[:80]!r} here.",
            field=within(place, unknown[:80]),
            hint=f"The fields here are {', '.join(sorted(allowed))}.",
        )
    return document


def list_of(
    document: object, place: str, read: Callable[[object, str], T], most: int, *, least: int = 0
) -> list[T]:
    """A JSON array, each entry read with its place. Raises InvalidArgument, TooLarge."""
    if not isinstance(document, list):
        raise InvalidArgument(f"This must be an array, not {json_type(document)}.", field=place)
    if not least <= len(document) <= most:
        raise TooLarge(f"There are {least} to {most} entries here, not {len(document)}.", field=place)
    return [read(entry, f"{place}[{position}]") for position, entry in enumerate(document)]


def text_in(document: Mapping[str, Any], name: str, place: str) -> str:
    """A string that a field must have. Raises InvalidArgument."""
    return text(_required(document, name, place), within(place, name))


def text(value: object, place: str) -> str:
    """A string. Raises InvalidArgument."""
    if not isinstance(value, str):
        raise InvalidArgument(f"This must be a string, not {json_type(value)}.", field=place)
    return value


def flag_in(document: Mapping[str, Any], name: str, place: str) -> bool:
    """True or false. Raises InvalidArgument."""
    value = _required(document, name, place)
    if not isinstance(value, bool):
        raise InvalidArgument(
            f"This must be true or false, not {json_type(value)}.", field=within(place, name)
        )
    return value


def integer_in(document: Mapping[str, Any], name: str, place: str, *, most: int = INTEGER_MAX) -> int:
    """A whole number from 0. Raises InvalidArgument."""
    return integer(_required(document, name, place), within(place, name), most=most)


def integer_or_none_in(document: Mapping[str, Any], name: str, place: str) -> int | None:
    """A whole number from 0, or null, which is also what a missing field is. Raises InvalidArgument."""
    value = document.get(name)
    return None if value is None else integer(value, within(place, name))


def time_in(document: Mapping[str, Any], name: str, place: str) -> int:
    """A moment in Unix milliseconds that a date can say. Raises InvalidArgument."""
    return integer_in(document, name, place, most=TIME_MS_MAX)


def time_or_none_in(document: Mapping[str, Any], name: str, place: str) -> int | None:
    """The same, or null, which is also what a missing field is. Raises InvalidArgument."""
    value = document.get(name)
    return None if value is None else integer(value, within(place, name), most=TIME_MS_MAX)


def integer(value: object, place: str, *, most: int = INTEGER_MAX) -> int:
    """A whole number from 0. Raises InvalidArgument."""
    if type(value) is not int:
        raise InvalidArgument(f"This must be a whole number, not {json_type(value)}.", field=place)
    if not 0 <= value <= most:
        raise InvalidArgument(f"This must be 0 to {most}, not {value}.", field=place)
    return value


def version_in(document: Mapping[str, Any], name: str, place: str) -> Version:
    """A version that some site issued. Raises InvalidVersion."""
    return version(_required(document, name, place), within(place, name))


def version(value: object, place: str) -> Version:
    """A version that some site issued. Raises InvalidVersion."""
    try:
        return Version.parse(text(value, place))
    except InvalidVersion as error:
        raise InvalidVersion(
            "This is no version: 16 hexadecimal digits, a dot, the writer.", field=place
        ) from error


def bytes_in(document: Mapping[str, Any], name: str, place: str) -> bytes:
    """Bytes in standard base64. Raises InvalidArgument."""
    value = text_in(document, name, place)
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidArgument(
            "The string is not valid base64.",
            field=within(place, name),
            hint="Use the standard alphabet, with padding.",
        ) from error


def within(place: str, name: str) -> str:
    """The place of a field of what is at `place`."""
    return f"{place}.{name}" if place else name


def _required(document: Mapping[str, Any], name: str, place: str) -> object:
    if name not in document:
        raise InvalidArgument(f"{name!r} is missing.", field=within(place, name))
    value: object = document[name]
    return value
