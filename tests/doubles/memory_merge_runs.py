"""Runs of large merges that are only remembered: what MergeRuns are, in their shortest form."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any


class MemoryMergeRuns:
    """MergeRuns that start nothing. `documents` are the inputs by name."""

    def __init__(self) -> None:
        self.documents: dict[str, Mapping[str, Any]] = {}
        self._lock = Lock()

    def start(self, name: str, document: Mapping[str, Any]) -> None:
        """Remember a run, once."""
        with self._lock:
            self.documents.setdefault(name, document)
