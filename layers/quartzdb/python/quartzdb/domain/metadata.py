"""Metadata: which JSON objects a record may carry, and how one flattens into the field paths that filters name.

The naive evaluator and every index read metadata through `flatten` alone, so they cannot disagree on what a path is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from types import NoneType, UnionType

from quartzdb.domain.errors import InvalidMetadata
from quartzdb.domain.limits import METADATA_BYTES_MAX, METADATA_DEPTH_MAX

Scalar = None | bool | int | float | str
"""A JSON value that is neither object nor array."""

PATH_CHARACTERS_MAX = 512
"""The longest field path a filter can name; longer ones are stored and returned but not addressable."""
INTEGER_MIN = -(1 << 63)
INTEGER_MAX = (1 << 64) - 1
"""The integers that the storage format keeps exactly: all signed and unsigned 64-bit ones."""


class Kind(IntEnum):
    """What is found at a path. Values and elements of one path are separate: `$contains` sees elements, order and
    prefix values, equality both.
    """

    CONTAINER = 0
    VALUE = 1
    ELEMENT = 2


_CONTAINER, _VALUE, _ELEMENT = Kind

_JSON_TYPES: tuple[tuple[type | UnionType, str], ...] = (
    (NoneType, "null"),
    (bool, "a boolean"),  # before numbers: Python holds booleans to be integers
    (int | float, "a number"),
    (str, "a string"),
    (Mapping, "an object"),
    (list | tuple, "an array"),
)

_Trail = tuple["_Trail", object] | None
"""Where a value stands, as a chain of keys and positions; turned into text only for an error."""


def flatten(metadata: Mapping[str, object]) -> Iterator[tuple[str, Kind, Scalar]]:
    """Every (path, kind, value) of a metadata object, in no particular order and possibly with repeats.

    A path is the keys on the way joined by ".". A scalar is a VALUE at its path; an object or array is a CONTAINER at
    its own (the value is None) and a scalar directly inside an array is an ELEMENT at the array's. Objects and arrays
    inside an array have no path. {"a.b": 1, "a": {"b": 2}} has two values at "a.b".
    """
    pending: list[tuple[str, Mapping[str, object]]] = [("", metadata)]
    while pending:
        prefix, mapping = pending.pop()
        for key, value in mapping.items():
            path = prefix + key
            if len(path) > PATH_CHARACTERS_MAX:
                continue
            if value is None or isinstance(value, str | int | float):
                yield path, _VALUE, value
                continue
            yield path, _CONTAINER, None
            if isinstance(value, Mapping):
                pending.append((path + ".", value))
            elif isinstance(value, list | tuple):
                for element in value:
                    if element is None or isinstance(element, str | int | float):
                        yield path, _ELEMENT, element


def check_metadata(
    document: object,
    *,
    field: str = "metadata",
    encoded_bytes: int | None = None,
    bytes_max: int = METADATA_BYTES_MAX,
) -> Mapping[str, object]:
    """The metadata, if a record may carry it. Raises InvalidMetadata, which names the offending place.

    `encoded_bytes` is the size of its compact UTF-8 JSON where the caller knows it; otherwise it is measured here.
    """
    if not isinstance(document, Mapping):
        raise InvalidMetadata(
            f"Metadata is a JSON object, not {json_type(document)}.",
            field=field,
            hint='Send {"key": value, …}, or leave it out.',
        )
    if encoded_bytes is not None:
        _check_size(encoded_bytes, field, bytes_max)
    _check_values(document, field)
    if encoded_bytes is None:
        # Only now: json.dumps recurses, so it must not meet a document deeper than the limit.
        _check_size(encoded_bytes_of(document), field, bytes_max)
    return document


def encoded_bytes_of(document: Mapping[str, object]) -> int:
    """The size of metadata that was checked before, as compact UTF-8 JSON."""
    return len(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8"))


def json_type(value: object) -> str:
    """What a value is called in messages, in the words of JSON."""
    for types, name in _JSON_TYPES:
        if isinstance(value, types):
            return name
    return f"something of type {type(value).__name__}"


def chosen_fields(metadata: Mapping[str, object], paths: Iterable[str]) -> dict[str, object]:
    """What of it is at those paths, with the objects around it; a path that is not there adds nothing."""
    chosen: dict[str, object] = {}
    for path in paths:
        for trail in _trails(metadata, path):
            _graft(chosen, metadata, trail)
    return chosen


def is_path(text: str) -> bool:
    """Whether it can name a field."""
    return 0 < len(text) <= PATH_CHARACTERS_MAX and is_encodable(text)


def is_encodable(text: str) -> bool:
    """Whether the text is Unicode: half a surrogate pair has no UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _trails(document: Mapping[str, object], path: str) -> Iterator[tuple[str, ...]]:
    """Every way to read the path as keys that are there: keys may have dots themselves."""
    if path in document:
        yield (path,)
    for place, character in enumerate(path):
        inner = document.get(path[:place]) if character == "." else None
        if isinstance(inner, Mapping):
            yield from ((path[:place], *rest) for rest in _trails(inner, path[place + 1 :]))


def _graft(target: dict[str, object], source: Mapping[str, object], trail: tuple[str, ...]) -> None:
    key, *rest = trail
    inner = source[key]
    if not rest or not isinstance(inner, Mapping):
        target[key] = inner
        return
    known = target.get(key)
    # What is there whole already stays as it is; it is the source's own, and never written to.
    if known is inner:
        return
    grown = known if isinstance(known, dict) else {}
    target[key] = grown
    _graft(grown, inner, tuple(rest))


def _check_size(encoded_bytes: int, field: str, bytes_max: int) -> None:
    if encoded_bytes > bytes_max:
        raise InvalidMetadata(
            f"The metadata is {encoded_bytes} bytes as JSON; at most {bytes_max} are accepted.",
            field=field,
            hint="Keep large content in the key-value store and its key in the metadata.",
        )


def _check_values(document: Mapping[str, object], field: str) -> None:
    """Walk with a list instead of recursion: the nesting is the sender's choice, the interpreter's stack is not."""
    pending: list[tuple[object, int, _Trail]] = [(document, 1, None)]
    while pending:
        value, depth, trail = pending.pop()
        if value is None or isinstance(value, bool):
            continue
        if isinstance(value, str):
            _check_text(value, "A string", field, trail)
        elif isinstance(value, int | float):
            _check_number(value, field, trail)
        elif not isinstance(value, Mapping | list | tuple):
            raise InvalidMetadata(
                f"Metadata holds JSON values, not {json_type(value)}.", field=_place(field, trail)
            )
        elif depth > METADATA_DEPTH_MAX:
            raise InvalidMetadata(
                f"The metadata is nested more than {METADATA_DEPTH_MAX} levels deep.",
                field=_place(field, trail),
                hint="Flatten it, or store the inner part as a string.",
            )
        elif isinstance(value, Mapping):
            for key, inner in value.items():
                if not isinstance(key, str):
                    raise InvalidMetadata(
                        f"Keys are strings, not {json_type(key)}.", field=_place(field, trail)
                    )
                _check_text(key, "A key", field, trail)
                pending.append((inner, depth + 1, (trail, key)))
        else:
            pending.extend((inner, depth + 1, (trail, position)) for position, inner in enumerate(value))


def _check_text(text: str, what: str, field: str, trail: _Trail) -> None:
    if not is_encodable(text):
        raise InvalidMetadata(
            f"{what} has half a surrogate pair, which is not Unicode text.",
            field=_place(field, trail),
            hint="Send the whole character, or drop the broken half.",
        )


def _check_number(value: int | float, field: str, trail: _Trail) -> None:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidMetadata(
                f"Numbers are finite; this one is {value}.",
                field=_place(field, trail),
                hint="Send null, or leave the field out.",
            )
    elif not INTEGER_MIN <= value <= INTEGER_MAX:
        raise InvalidMetadata(
            "An integer is outside the 64-bit range.",
            field=_place(field, trail),
            hint="Send it as a string.",
        )


def _place(field: str, trail: _Trail) -> str:
    steps: list[str] = []
    while trail is not None:
        trail, step = trail
        steps.append(f"[{step}]" if isinstance(step, int) else f".{str(step)[:64]}")
    return field + "".join(reversed(steps)).encode("utf-8", "replace").decode("utf-8")
