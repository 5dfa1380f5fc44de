"""How far an import has got, kept in a directory of its own so that the same command goes on after an interruption.

A checkpoint belongs to one source, one generation of one namespace and one way of reading, and knows the source as it
was: a changed one is not gone on with. It is written after the batch that it covers was acknowledged, so it is never
ahead of the data; being behind costs only the writing of a batch again, which changes nothing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from quartzdb.cli.failure import CONFLICT, Failure


class ImportCheckpoint:
    """One import's place."""

    def __init__(self, directory: Path, identity: str, state: Mapping[str, Any]) -> None:
        """`state`: what tells the source as it is now from what it was."""
        self._path = directory / f"{identity}.json"
        self._state = dict(state)

    def read(self, source: str) -> int:
        """The position that all writes are acknowledged up to; 0 at first, or where nothing readable is there.

        Raises Failure where the source has changed since; `source` is what it is called.
        """
        try:
            document = orjson.loads(self._path.read_bytes())
            position, state = document["position"], document["source"]
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        if not isinstance(position, int) or position == 0:
            return 0
        if state != self._state:
            raise Failure(
                f"{source} has changed since the import of it that stopped after {position:,} lines or rows.",
                hint="Import it from its beginning: --restart. What is in it as it was is written once more, which "
                "changes nothing.",
                exit_code=CONFLICT,
            )
        return position

    def write(self, position: int) -> None:
        """Remember the position. Not synced to disk: after a power cut an older place is as good."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(".unfinished")
        unfinished.write_bytes(orjson.dumps({"position": position, "source": self._state}))
        os.replace(unfinished, self._path)

    def clear(self) -> None:
        """The import is complete."""
        self._path.unlink(missing_ok=True)


def identity(place: str, generation: str, reading: str) -> str:
    """A name for the import of a source into one generation, read in one way."""
    return hashlib.blake2b(orjson.dumps([place, generation, reading]), digest_size=16).hexdigest()
