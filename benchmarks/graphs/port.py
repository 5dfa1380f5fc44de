"""What a library is asked to do here, and the directory of all of them. Each is imported only in its own process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

SEED = 1
DEGREE = 16
"""Links per row and upper level of a graph; the lowest level has twice as many."""
EF_CONSTRUCTION = 200


@dataclass(frozen=True)
class Setting:
    """How hard to search, and how many candidates come back to be rescored (10: the library's own order counts)."""

    search_parameter: float
    depth: int


class Library(Protocol):
    """One kind of index. `build` writes it; `open` reads it back, in another process."""

    settings: Sequence[Setting]
    rescored: bool
    """Whether candidates are put in order from full precision; otherwise the library's order is the answer."""

    def build(self, rows: Floats, path: Path) -> None:
        """Index unit vectors (n, d) on one thread into a file or directory."""
        ...

    def open(self, path: Path, shape: tuple[int, int]) -> None:
        """Make ready to search, mapped where the library can."""
        ...

    def search(self, query: Floats, setting: Setting) -> Rows:
        """Row numbers, best first."""
        ...


SEARCH_PARAMETERS = (10, 13, 16, 20, 25, 32, 40, 50, 64, 80, 100, 128, 160, 200, 256, 320)


def settings(
    depths: Sequence[int], search_parameters: Sequence[float] = SEARCH_PARAMETERS
) -> tuple[Setting, ...]:
    """Every search parameter with every depth that it can fill."""
    return tuple(
        Setting(search_parameter, depth)
        for search_parameter in search_parameters
        for depth in depths
        if depth <= search_parameter or search_parameter < 1
    )


@dataclass(frozen=True)
class Entry:
    """Where a library is, and the packages that it brings beside numpy."""

    module: str
    attribute: str
    arguments: Mapping[str, Any]
    imports: str
    packages: tuple[str, ...]
    variables: Mapping[str, str]

    def make(self) -> Library:
        library: Library = getattr(import_module(f"benchmarks.graphs.{self.module}"), self.attribute)(
            **self.arguments
        )
        return library


def _faiss(attribute: str, simd: str = "", **arguments: Any) -> Entry:
    variables = {"FAISS_SIMD_LEVEL": simd} if simd else {}
    return Entry("faiss_indexes", attribute, arguments, "faiss", ("faiss-cpu",), variables)


def _other(attribute: str, imports: str, *packages: str, **arguments: Any) -> Entry:
    return Entry("other_libraries", attribute, arguments, imports, packages, {})


LIBRARIES: Mapping[str, Entry] = {
    "hnswlib f32": _other("Hnswlib", "hnswlib", "hnswlib"),
    "faiss HNSW f32": _faiss("Hnsw", kind="QT_none"),
    "faiss HNSW f16": _faiss("Hnsw", kind="QT_fp16"),
    "faiss HNSW SQ8": _faiss("Hnsw", kind="QT_8bit"),
    "faiss HNSW SQ8, AVX2": _faiss("Hnsw", "AVX2", kind="QT_8bit"),
    "faiss HNSW SQ4": _faiss("Hnsw", kind="QT_4bit"),
    "faiss HNSW SQ4, AVX2": _faiss("Hnsw", "AVX2", kind="QT_4bit"),
    "faiss HNSW RaBitQ 1": _faiss("HnswRabitq", bits=1),
    "faiss HNSW RaBitQ 2": _faiss("HnswRabitq", bits=2),
    "faiss HNSW RaBitQ 2, AVX2": _faiss("HnswRabitq", "AVX2", bits=2),
    "faiss IVF-PQ fast-scan": _faiss("IvfPqFastScan"),
    "faiss IVF-PQ fast-scan, AVX2": _faiss("IvfPqFastScan", "AVX2"),
    "faiss IVF-RaBitQ fast-scan": _faiss("IvfRabitqFastScan"),
    "faiss IVF-RaBitQ (ivf)": Entry("own_engine", "Ivf", {}, "faiss", ("faiss-cpu",), {}),
    "usearch i8": _other("Usearch", "usearch.index", "usearch", "numkong"),
    "ScaNN tree-AH": _other("Scann", "scann", "scann", "protobuf"),
    "NGT ANNG f32": _other("Ngt", "ngtpy", "ngt", kind="Float"),
    "SVS Vamana f16": _other("Svs", "svs", "scalable-vs", "archspec", "toml"),
    "rabitqlib HNSW 4 bits": _other("RabitqHnsw", "rabitqlib", "rabitqlib"),
    "rabitqlib SymphonyQG": _other("SymphonyQg", "rabitqlib", "rabitqlib"),
    "VSAG HGraph SQ8": _other("Vsag", "pyvsag", "pyvsag", kind="sq8_uniform"),
    "VSAG HGraph SQ4": _other("Vsag", "pyvsag", "pyvsag", kind="sq4_uniform"),
}
