"""Which values a field has, as Haystack tells them apart: 1, 1.0, "1" and True are four."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_MISSING = object()


class UniqueValues:
    """Values that were seen, each once."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen: dict[tuple[str, str], Any] = {}

    def note(self, metadata: Mapping[str, Any] | None) -> None:
        """A document with this metadata was seen. None is no value."""
        value = _at(metadata or {}, self._path)
        if value is not None and value is not _MISSING:
            self._seen[str(value), json.dumps(value, sort_keys=True)] = value

    def page(self, search_term: str | None, start: int, size: int) -> tuple[list[Any], int]:
        """Of those with the term in them, in any case, `size` in order from `start` on; and how many there are."""
        term = (search_term or "").lower()
        found = [self._seen[key] for key in sorted(self._seen) if term in key[0].lower()]
        return found[start : start + size], len(found)


def _at(metadata: Mapping[str, Any], path: str) -> Any:
    """What is at a path, whose keys may have dots themselves."""
    if path in metadata:
        return metadata[path]
    for place, character in enumerate(path):
        inner = metadata.get(path[:place]) if character == "." else None
        if isinstance(inner, Mapping):
            found = _at(inner, path[place + 1 :])
            if found is not _MISSING:
                return found
    return _MISSING
