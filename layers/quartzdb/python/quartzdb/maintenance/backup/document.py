"""What a backup consists of, as the JSON document that makes it one: without the document there is no backup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import orjson

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.values import dataclass

FORMAT = 1


@dataclass(frozen=True, slots=True)
class BackedUpFile:
    """One file. `path` is where it is in the destination, `restored_to` where in a data directory; both relative."""

    path: str
    restored_to: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Backup:
    """One finished backup. `copied_files` and `copied_bytes` are what earlier ones did not have."""

    name: str
    begun_at_ms: int
    finished_at_ms: int
    release: str
    files: Sequence[BackedUpFile]
    copied_files: int
    copied_bytes: int

    @property
    def bytes(self) -> int:
        """The size of what is restored."""
        return sum(file.size for file in self.files)


def encode_backup(backup: Backup) -> bytes:
    """As JSON that a person can read."""
    return orjson.dumps({"format": FORMAT, **asdict(backup)}, option=orjson.OPT_INDENT_2)


def decode_backup(content: bytes, where: str) -> Backup:
    """Read it back. Raises Corrupted."""
    try:
        document = orjson.loads(content)
        if document.pop("format") != FORMAT:
            raise Corrupted(
                f"{where} has a format that this release does not read.",
                hint="Use the release that took the backup, or a newer one.",
            )
        files = [BackedUpFile(**file) for file in document.pop("files")]
        return Backup(files=files, **document)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Corrupted(
            f"{where} cannot be decoded.", hint="Take another backup of the destination."
        ) from error
