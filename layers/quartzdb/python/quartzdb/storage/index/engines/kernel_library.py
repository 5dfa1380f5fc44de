"""The kernel: a shared library of our own (layers/quartzdb/native) that searches graphs and lists, and scores rows.

Loaded once, where it was built and fits this processor; where it is not there, faiss and numpy do its work. ctypes
releases the interpreter lock during each call. The structures below are those of `kernel.h`.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any

import numpy.typing as npt

from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.values import dataclass

LIBRARY = Path(__file__).with_name("_kernel.so")
VERSION = 3
SETTING = "QUARTZDB_KERNEL"
OFF, AUTO = "off", "auto"


class Instructions(IntEnum):
    """Instruction sets, by the numbers that the library knows them by; what a number means is the processor's."""

    PLAIN = 0
    SIMD = 1
    """AVX2, or NEON."""
    DOTS = 2
    """AVX-VNNI, or NEON with products of bytes."""
    WIDE = 3
    """AVX-512 with VNNI."""


class QuerySpace(ctypes.Structure):
    """How a query is placed among the rows of a graph."""

    _fields_ = [
        ("center", ctypes.c_void_p),
        ("signs", ctypes.c_void_p),
        ("left", ctypes.c_void_p),
        ("right", ctypes.c_void_p),
        ("scale", ctypes.c_double),
        ("far", ctypes.c_double),
        ("dimension", ctypes.c_uint32),
        ("padded", ctypes.c_uint32),
        ("a", ctypes.c_uint32),
        ("b", ctypes.c_uint32),
        ("inner", ctypes.c_uint32),
    ]


class MappedGraph(ctypes.Structure):
    """A graph as it lies in its file."""

    _fields_ = [
        ("rows", ctypes.c_void_p),
        ("upper_rows", ctypes.c_void_p),
        ("upper_starts", ctypes.c_void_p),
        ("upper_links", ctypes.c_void_p),
        ("step", ctypes.c_double),
        ("error", ctypes.c_double),
        ("longest", ctypes.c_double),
        ("count", ctypes.c_uint32),
        ("width", ctypes.c_uint32),
        ("stride", ctypes.c_uint32),
        ("links", ctypes.c_uint32),
        ("upper", ctypes.c_uint32),
        ("upper_size", ctypes.c_uint32),
        ("upper_width", ctypes.c_uint32),
        ("levels", ctypes.c_uint32),
        ("entry", ctypes.c_uint32),
        ("inner", ctypes.c_uint32),
    ]


class FullRows(ctypes.Structure):
    """Full-precision rows in memory."""

    _fields_ = [
        ("matrix", ctypes.c_void_p),
        ("norms", ctypes.c_void_p),
        ("count", ctypes.c_uint64),
        ("dimension", ctypes.c_uint32),
        ("half", ctypes.c_uint32),
        ("metric", ctypes.c_uint32),
    ]


class Scratch(ctypes.Structure):
    """Memory of one search at a time."""

    _fields_ = [
        ("seen", ctypes.c_void_p),
        ("going", ctypes.c_void_p),
        ("top", ctypes.c_void_p),
        ("placed", ctypes.c_void_p),
        ("codes", ctypes.c_void_p),
        ("going_max", ctypes.c_uint32),
        ("top_max", ctypes.c_uint32),
        ("stamp", ctypes.c_uint32),
    ]


class GraphAsk(ctypes.Structure):
    """What a search is asked for, and its answer."""

    _fields_ = [
        ("query", ctypes.c_void_p),
        ("allowed", ctypes.c_void_p),
        ("listed", ctypes.c_void_p),
        ("extra", ctypes.c_void_p),
        ("rows", ctypes.c_void_p),
        ("scores", ctypes.c_void_p),
        ("listed_count", ctypes.c_uint64),
        ("extras", ctypes.c_uint32),
        ("ef", ctypes.c_uint32),
        ("depth", ctypes.c_uint32),
        ("count", ctypes.c_uint32),
        ("visits_max", ctypes.c_uint32),
        ("allowed_least", ctypes.c_uint32),
        ("visits", ctypes.c_uint32),
        ("scored", ctypes.c_uint32),
    ]


class MappedLists(ctypes.Structure):
    """Lists of product codes in memory."""

    _fields_ = [
        ("file", ctypes.c_void_p),
        ("offsets", ctypes.c_void_p),
        ("starts", ctypes.c_void_p),
        ("centroids", ctypes.c_void_p),
        ("squares", ctypes.c_void_p),
        ("values", ctypes.c_void_p),
        ("rows", ctypes.c_int64),
        ("lists", ctypes.c_uint32),
        ("width", ctypes.c_uint32),
        ("parts", ctypes.c_uint32),
        ("arranged", ctypes.c_uint32),
        ("inner", ctypes.c_uint32),
    ]


class ListScratch(ctypes.Structure):
    """Memory of one search of lists at a time."""

    _fields_ = [
        ("placed", ctypes.c_void_p),
        ("nearness", ctypes.c_void_p),
        ("every", ctypes.c_void_p),
        ("near", ctypes.c_void_p),
        ("bins", ctypes.c_void_p),
        ("sums", ctypes.c_void_p),
        ("tables", ctypes.c_void_p),
        ("kept", ctypes.c_void_p),
        ("kept_max", ctypes.c_uint32),
    ]


class ListAsk(ctypes.Structure):
    """What lists are asked for, and the answer."""

    _fields_ = [
        ("query", ctypes.c_void_p),
        ("allowed", ctypes.c_void_p),
        ("which", ctypes.c_void_p),
        ("extra", ctypes.c_void_p),
        ("rows", ctypes.c_void_p),
        ("scores", ctypes.c_void_p),
        ("cut", ctypes.c_double),
        ("extras", ctypes.c_uint32),
        ("visit", ctypes.c_uint32),
        ("depth", ctypes.c_uint32),
        ("count", ctypes.c_uint32),
        ("found", ctypes.c_uint32),
        ("scored", ctypes.c_uint32),
    ]


def address(array: npt.NDArray[Any]) -> int:
    """Where an array lies. HAZARD: only as long as somebody holds it."""
    at: int = array.__array_interface__["data"][0]
    return at


@dataclass(frozen=True, slots=True)
class Kernel:
    """The library, and the arithmetic that its functions are to use."""

    library: ctypes.CDLL
    instructions: Instructions
    arithmetic: int

    def __str__(self) -> str:
        return f"kernel ({self.instructions.name.lower()})"


def load(path: Path, instructions: Instructions | None = None) -> Kernel | None:
    """The library of a file, with the best instructions of this processor or with these.

    None where it is not there, is of another version or processor, or where this processor lacks the instructions.
    """
    if not path.is_file():
        return None
    try:
        library = ctypes.CDLL(str(path))
        version = library.qz_version
    except (OSError, AttributeError):
        # Built for another processor, or for a newer system: an installation that was copied.
        return None
    version.restype = ctypes.c_uint32
    if version() != VERSION:
        return None
    library.qz_level.restype = ctypes.c_uint32
    library.qz_arithmetic_of.restype = ctypes.c_void_p
    library.qz_arithmetic_of.argtypes = [ctypes.c_uint32]
    library.qz_place.restype = ctypes.c_double
    library.qz_place.argtypes = [
        *(ctypes.c_void_p, ctypes.POINTER(QuerySpace), ctypes.c_void_p, ctypes.POINTER(Scratch)),
        ctypes.c_uint32,
    ]
    library.qz_search.restype = ctypes.c_int32
    library.qz_listed.restype = ctypes.c_int32
    # Structures are passed as pointers that were made once, so nothing is converted in a call.
    library.qz_search.argtypes = library.qz_listed.argtypes = [ctypes.c_void_p] * 6
    library.qz_lists_search.restype = ctypes.c_int32
    library.qz_lists_search.argtypes = [ctypes.c_void_p] * 4
    library.qz_lists_best.restype = ctypes.c_int32
    library.qz_lists_best.argtypes = [ctypes.c_void_p] * 6
    library.qz_scores.restype = ctypes.c_int32
    library.qz_scores.argtypes = [*[ctypes.c_void_p] * 4, ctypes.c_uint64, ctypes.c_void_p]
    wanted = Instructions(library.qz_level()) if instructions is None else instructions
    arithmetic = library.qz_arithmetic_of(wanted)
    return None if arithmetic is None else Kernel(library, wanted, arithmetic)


@cache
def kernel() -> Kernel | None:
    """The kernel that this process uses; None where faiss and numpy do its work. Raises InvalidArgument."""
    return chosen(os.environ)


def chosen(environment: Mapping[str, str]) -> Kernel | None:
    """The kernel that the setting asks for: `auto`, `off`, or an instruction set that this processor has."""
    asked = environment.get(SETTING, "").strip().lower() or AUTO
    if asked == OFF:
        return None
    if asked == AUTO:
        return load(LIBRARY)
    if asked.upper() not in Instructions.__members__:
        names = ", ".join(one.name.lower() for one in Instructions)
        raise InvalidArgument(
            f"{SETTING} is {asked!r}.", hint=f"Set it to {AUTO}, {OFF} or one of: {names}; or leave it out."
        )
    found = load(LIBRARY, Instructions[asked.upper()])
    if found is None:
        raise InvalidArgument(
            f"{SETTING} is {asked!r}, but there is no kernel for that: it was not built, or this processor lacks them.",
            hint=f"Set it to {AUTO} or leave it out: then the best that there is is used.",
        )
    return found
