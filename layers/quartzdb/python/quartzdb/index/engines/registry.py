"""Which engines there are, and which one a segment gets. Engines are imported only when one is asked for."""

from __future__ import annotations

from importlib import import_module

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.namespace import EngineChoice
from quartzdb.index.engines.port import Engine

_ENGINES = {
    "exact": ("quartzdb.index.engines.exact", "ExactEngine"),
    "annoy": ("quartzdb.index.engines.annoy", "AnnoyEngine"),
    "ivf": ("quartzdb.index.engines.ivf", "IvfEngine"),
}

ANNOY_ROWS_MIN = 5_000
IVF_ROWS_MIN = 20_000


def engine_named(name: str) -> Engine:
    """The engine of that name. Raises Corrupted for a name that no build ever wrote."""
    try:
        module, attribute = _ENGINES[name]
    except KeyError:
        raise Corrupted(f"No engine is called {name!r}; there are {', '.join(_ENGINES)}.") from None
    engine: Engine = getattr(import_module(module), attribute)()
    return engine


def choose(choice: EngineChoice, rows: int) -> str:
    """The engine that a new segment of this many rows gets."""
    if choice is not EngineChoice.AUTO:
        return choice.value
    if rows < ANNOY_ROWS_MIN:
        return "exact"
    return "annoy" if rows < IVF_ROWS_MIN else "ivf"
