"""What the pages say. Every string is in `en.toml`, so that there is one place to read, correct and translate."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any


class Words:
    """Texts by name, as `team.invite`; `{n}` in one is filled in."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts

    def __call__(self, name: str, /, **values: object) -> str:
        """The text. Raises KeyError for one that there is not, or a value that it lacks."""
        return self.texts[name].format(**values)


@cache
def english() -> Words:
    """The only language yet."""
    document = tomllib.loads((Path(__file__).parent / "en.toml").read_text("utf-8"))
    return Words(dict(_flat(document, "")))


def _flat(document: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in document.items():
        if isinstance(value, str):
            yield prefix + name, value
        else:
            yield from _flat(value, f"{prefix}{name}.")
