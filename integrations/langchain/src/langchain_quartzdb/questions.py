"""What is asked of the database for a search: by vector, by words, or by both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from langchain_quartzdb.filters import filter_of

Mode = Literal["vector", "text", "hybrid"]


def question(
    mode: Mode,
    text: str,
    vector: Sequence[float] | None,
    k: int,
    filter: Mapping[str, Any] | None,
    text_field: str,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """The arguments of a query. Words are looked for in `text_field`. Raises ValueError, TypeError."""
    asked: dict[str, Any] = {"top_k": k, "filter": filter_of(filter), **options}
    if mode != "text":
        asked["vector"] = vector
    if mode != "vector":
        asked["text"] = {"query": text, "fields": {text_field: 1.0}}
    return asked


def check(mode: str) -> None:
    """Raises ValueError for what is no mode."""
    if mode not in get_args(Mode):
        raise ValueError(f"There is no mode {mode!r}: it is one of {', '.join(get_args(Mode))}.")
