"""Writes a folder as a zip file that depends on its content alone, not on when, where or by whom it was made."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# The earliest that the format can say.
_TIME = (1980, 1, 1, 0, 0, 0)
_FILE, _SHARED_OBJECT = 0o100644, 0o100755
_UNIX = 3


@dataclass(frozen=True, slots=True)
class Packed:
    """A zip file that was written. `content_sha256` is that of names and contents, whatever compressed them."""

    path: Path
    files: int
    unzipped_bytes: int
    zipped_bytes: int
    sha256: str
    content_sha256: str


def pack(folder: Path, path: Path) -> Packed:
    """Write everything below the folder to `path`. Links are followed; empty folders are left out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content_hash = hashlib.sha256()
    files = unzipped = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, source in _files(folder):
            content = source.read_bytes()
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system = _UNIX
            entry.external_attr = (_SHARED_OBJECT if ".so" in source.suffixes else _FILE) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
            content_hash.update(f"{len(name.encode())} {name} {len(content)} ".encode())
            content_hash.update(content)
            files += 1
            unzipped += len(content)
    packed = path.read_bytes()
    return Packed(
        path, files, unzipped, len(packed), hashlib.sha256(packed).hexdigest(), content_hash.hexdigest()
    )


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    named = ((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
    yield from sorted(named)
