"""faiss, imported where it is first used, and its index files mapped into memory."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from quartzdb.domain.errors import Corrupted


def faiss_module() -> Any:
    """The library, which ships no types. Its import takes longer than most searches, so only searches pay for it."""
    return import_module("faiss")


def mapped_index(path: Path, kind: str, what: str) -> Any:
    """The index of a file, of that class of faiss, mapped: pages are read as searches touch them. Raises Corrupted."""
    faiss = faiss_module()
    try:
        # MMAP_IFC keeps lists as plain arrays over the mapping; IO_FLAG_MMAP would search 15 times slower.
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError as error:
        raise Corrupted(f"The index file {path.name} cannot be read: {str(error)[-200:]}") from error
    if not isinstance(index, getattr(faiss, kind)):
        raise Corrupted(f"The index file {path.name} holds a {type(index).__name__}, not {what}.")
    return index
