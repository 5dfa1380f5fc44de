"""Makes answers fit into what an agent can read: long texts are cut, then metadata left out, then records.

What was done is told in notes, so that nobody takes a part for the whole.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

TEXT_CHARACTERS = (2_000, 500, 100)
"""Of a text in metadata, each tried in turn until all fits."""
_LARGE = ("metadata", "vector", "fields")


@dataclass(slots=True)
class Fitted:
    """What fits, and what was done to it. `dropped` counts what is not there at all, from the end."""

    records: list[dict[str, Any]]
    dropped: int = 0
    notes: list[str] = field(default_factory=list)


def size(value: object) -> int:
    """Characters as JSON."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def fit(records: Sequence[dict[str, Any]], characters: int) -> Fitted:
    """Records of at most so many characters as JSON. Those at the end lose first: the best are at the beginning."""
    fitted = Fitted(list(records))
    if size(fitted.records) <= characters:
        return fitted
    for most in TEXT_CHARACTERS:
        fitted.records = [_with_shorter_texts(record, most) for record in records]
        if size(fitted.records) <= characters:
            fitted.notes.append(
                f"Texts in metadata are cut after {most} characters: name the `fields` you need, or ask for fewer."
            )
            return fitted
    fitted.notes.append(f"Texts in metadata are cut after {TEXT_CHARACTERS[-1]} characters.")
    _leave_out(fitted, characters)
    _drop(fitted, characters)
    return fitted


def as_many(documents: Sequence[dict[str, Any]], characters: int) -> list[dict[str, Any]]:
    """The first ones, as many as have so many characters as JSON."""
    left, shown = characters - 2, []
    for document in documents:
        left -= size(document) + 1
        if left < 0:
            break
        shown.append(document)
    return shown


def cut(text: str, most: int) -> str:
    """The beginning of a text, and how much is missing."""
    return text if len(text) <= most else f"{text[:most]}… [{len(text) - most} more characters]"


def _leave_out(fitted: Fitted, characters: int) -> None:
    """Metadata and vectors of the last records, of no more than it takes."""
    sizes = [size(record) + 1 for record in fitted.records]
    total, bare = sum(sizes) + 1, 0
    for at in range(len(fitted.records) - 1, -1, -1):
        if total <= characters:
            break
        record = {name: value for name, value in fitted.records[at].items() if name not in _LARGE}
        total += size(record) + 1 - sizes[at]
        fitted.records[at] = record
        bare += 1
    if bare:
        fitted.notes.append(
            f"Metadata and vectors of the last {bare} are left out: ask for fewer, or name the `fields` you need."
        )


def _drop(fitted: Fitted, characters: int) -> None:
    """The last records, where even ids alone are too much."""
    while fitted.records and size(fitted.records) > characters:
        fitted.records.pop()
        fitted.dropped += 1
    if fitted.dropped:
        fitted.notes.append(f"The last {fitted.dropped} are left out altogether: ask for fewer.")


def _with_shorter_texts(value: Any, most: int) -> Any:
    if isinstance(value, dict):
        return {
            name: one if name in ("id", "key", "version") and isinstance(one, str) else _shorter(one, most)
            for name, one in value.items()
        }
    return _shorter(value, most)


def _shorter(value: Any, most: int) -> Any:
    if isinstance(value, str):
        return cut(value, most)
    if isinstance(value, dict):
        return {name: _shorter(one, most) for name, one in value.items()}
    if isinstance(value, list):
        return [_shorter(one, most) for one in value]
    return value
