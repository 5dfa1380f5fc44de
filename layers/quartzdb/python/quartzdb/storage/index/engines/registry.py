"""Which engines there are, and which one a segment gets. Engines are imported only when one is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.namespace import EngineChoice
from quartzdb.storage.index.engines.kernel_library import kernel
from quartzdb.storage.index.engines.port import Engine

_ENGINES = {
    "exact": ("quartzdb.storage.index.engines.exact", "ExactEngine"),
    "annoy": ("quartzdb.storage.index.engines.annoy", "AnnoyEngine"),
    "ivf": ("quartzdb.storage.index.engines.ivf", "IvfEngine"),
    "hnsw": ("quartzdb.storage.index.engines.hnsw", "HnswEngine"),
}

# Set by `python -m benchmarks.engines --sizes …`: 384-d embeddings, recall@10 ≥ .98, queries a second of one core.
#
#   rows       exact    annoy      ivf
#   3,000       6068     scan     6282
#   8,000       1797     scan     4743
#   16,000       512      837     4435
#   100,000       66      235     2434
IVF_ROWS_MIN = 8_000
"""From 3,000 rows ivf is ahead of a scan, and with the kernel from 1,000: ten times here. But small segments are built
often, and a scan needs no building and is exact."""
ANNOY_ROWS_MIN = 16_000
"""Annoy overtakes a scan here and ivf never, and its file is 30 times larger. So `auto` takes it only where faiss is
not installed, as in a function whose package has no room for it."""


def engine_named(name: str) -> Engine:
    """The engine of that name. Raises Corrupted for a name that no build ever wrote."""
    try:
        module, attribute = _ENGINES[name]
    except KeyError:
        raise Corrupted(f"No engine is called {name!r}; there are {', '.join(_ENGINES)}.") from None
    engine: Engine = getattr(import_module(module), attribute)()
    return engine


def read_in_parts(name: str, parameters: Mapping[str, Any]) -> Mapping[str, int]:
    """The files of an engine that it can read in parts, by the bytes at their beginning that it always needs.

    Known without importing the engine, so that fetching begins at once.
    """
    head = parameters.get("head_bytes")
    if name != "ivf" or not isinstance(head, int) or head <= 0:
        return {}
    return {"ivf.codes" if "part_coordinates" in parameters else "ivf.faiss": head}


def shortens_scans(name: str, parameters: Mapping[str, Any]) -> bool:
    """Whether an index can tell for certain which of many rows are the best without scoring them all (`Index.exactly`).

    Known without opening the index, which would take time for nothing.
    """
    return name == "hnsw" and "code_bounds" in parameters and kernel() is not None


def open_files(name: str) -> int:
    """Files that an opened index of this engine keeps open: those that are mapped, until nothing uses them."""
    return {"annoy": 1, "ivf": 1, "hnsw": 2}.get(name, 0)


def choose(choice: EngineChoice, rows: int) -> str:
    """The engine that a new segment of this many rows gets."""
    if choice is not EngineChoice.AUTO:
        return choice.value
    if find_spec("faiss") is not None:
        return "ivf" if rows >= IVF_ROWS_MIN else "exact"
    return "annoy" if rows >= ANNOY_ROWS_MIN else "exact"
