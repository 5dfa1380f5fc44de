"""The secret by which a provider knows this platform: of a file or of Secrets Manager, read when it is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from quartzdb.domain.errors import Unavailable

ReadSecret: TypeAlias = Callable[[], str]


def secret_in_file(file: Path) -> ReadSecret:
    """Without the line break at its end. Read anew each time, so that it may be replaced. Raises Unavailable."""

    def read() -> str:
        try:
            text = file.read_text("utf-8").strip()
        except (OSError, UnicodeError) as error:
            raise _unreadable(file.name) from error
        if not text:
            raise _unreadable(file.name)
        return text

    return read


def secret_of(values: Callable[[], Sequence[str]], name: str) -> ReadSecret:
    """The newest of those that a store has. Raises Unavailable."""

    def read() -> str:
        found = values()
        if not found:
            raise _unreadable(name)
        return found[0]

    return read


def _unreadable(name: str) -> Unavailable:
    return Unavailable(
        f"The client secret {name} cannot be read.", hint="Check the settings of the provider."
    )
