"""faiss, imported where it is first used, and its index files mapped into memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from quartzdb.domain.errors import Corrupted

_THREADS = "OMP_NUM_THREADS"


def faiss_module() -> Any:
    """The library, which ships no types. Its import takes longer than most searches, so only searches pay for it."""
    with _one_thread():
        return import_module("faiss")


@contextmanager
def _one_thread(environment: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """Within it the OpenMP that comes with the library is loaded, and told, once for all its threads, that a search has
    one. A thread on each core for the products of one vector makes it wait for them, several times as long as it takes
    where other work wants the cores. What builds says how many it wants.

    Whoever set the variable is obeyed. Afterwards it is as it was, because others may yet load an OpenMP of their own
    in this process, and start other programs.
    """
    if _THREADS in environment:
        yield
        return
    environment[_THREADS] = "1"
    try:
        yield
    finally:
        environment.pop(_THREADS, None)


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


@contextmanager
def openmp_threads(threads: int) -> Iterator[None]:
    """Let faiss use this many threads for work that this thread starts."""
    faiss = faiss_module()
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
