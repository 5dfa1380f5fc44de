"""Reminders of erasures in memory."""

from __future__ import annotations

from collections.abc import Sequence


class MemoryReminders:
    """ReminderStore in memory."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def put(self, name: str, data: bytes) -> None:
        """As the port says."""
        self.files[name] = data

    def get(self, name: str) -> bytes | None:
        """As the port says."""
        return self.files.get(name)

    def names(self, prefix: str) -> Sequence[str]:
        """As the port says."""
        return [name for name in self.files if name.startswith(prefix)]

    def remove(self, names: Sequence[str]) -> None:
        """As the port says."""
        for name in names:
            self.files.pop(name, None)
