"""Reading what was written before, on whichever cloud the next request lands."""

from __future__ import annotations

import threading
from typing import Protocol

from quartzdb_client.calls import given


class Written(Protocol):
    """What a write is answered with: its version, None where nothing was written."""

    @property
    def version(self) -> str | None: ...


class LastWritten:
    """The highest version that answers to writes told, by namespace. Thread-safe.

    Versions begin with their time in hexadecimal digits of one length, so that they are ordered as texts are.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._versions: dict[str, str] = {}

    def note(self, namespace: str, version: str | None) -> None:
        """A write was answered with this version."""
        if version is not None:
            with self._lock:
                if version > self._versions.get(namespace, ""):
                    self._versions[namespace] = version

    def of(self, namespace: str) -> str | None:
        """What a read of the namespace must include."""
        return self._versions.get(namespace)

    def forget(self, namespace: str) -> None:
        """It was deleted: another one of that name knows nothing of its versions."""
        with self._lock:
            self._versions.pop(namespace, None)


def freshness(
    written: LastWritten | None, namespace: str, consistency: str | None, version: str | None
) -> dict[str, str]:
    """What a read says of how fresh its answer must be. `version` goes before what was `written`."""
    if version is None and written is not None:
        version = written.of(namespace)
    return given({"consistency": consistency, "version": version})
