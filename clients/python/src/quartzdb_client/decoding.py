"""Answers as classes. What a newer server adds is left out, what an older one lacks is None."""

from __future__ import annotations

import types as python_types
from collections.abc import Callable, Hashable, Mapping
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from quartzdb_client import types
from quartzdb_client.answer_part import AnswerPart
from quartzdb_client.moments import NEVER
from quartzdb_client.vectors import Vector, decoded

T = TypeVar("T")
_Decode = Callable[[Any], Any]
_UNIONS = (Union, python_types.UnionType)


def decode(kind: type[T], document: Mapping[str, Any]) -> T:
    """A document as one of `types`."""
    decoders = _decoders(cast("Hashable", kind))
    return kind(
        *[
            None if (value := document.get(name)) is None else (value if inner is None else inner(value))
            for name, inner in decoders
        ]
    )


def change_page(document: Mapping[str, Any]) -> types.ChangePage:
    """A page of a feed. Where a change says null of an expiry that is NEVER; where it says nothing of it, None."""
    page = decode(types.ChangePage, document)
    for change, told in zip(page.changes, document["changes"], strict=True):
        if "expires_at" in told and told["expires_at"] is None:
            change.expires_at = NEVER
    return page


@cache
def _decoders(kind: Hashable) -> list[tuple[str, _Decode | None]]:
    hints = get_type_hints(cast("Any", kind).__init__, vars(types))
    return [(name, _decoder(hint)) for name, hint in hints.items() if name != "return"]


def _decoder(hint: Any) -> _Decode | None:
    if isinstance(hint, type) and issubclass(hint, AnswerPart):
        return lambda document: decode(hint, document)
    if hint is Vector:
        return decoded
    if get_origin(hint) in _UNIONS:
        some = [one for one in get_args(hint) if one is not type(None)]
        return _decoder(some[0]) if len(some) == 1 else None
    if get_origin(hint) is list:
        one = _decoder(get_args(hint)[0])
        return None if one is None else lambda values: [one(value) for value in values]
    if get_origin(hint) is dict:
        each = _decoder(get_args(hint)[1])
        return None if each is None else lambda values: {key: each(value) for key, value in values.items()}
    return None
