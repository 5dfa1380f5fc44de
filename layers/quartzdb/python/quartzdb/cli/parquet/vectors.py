"""Vectors of a Parquet column: lists of numbers of any width, or text as in CSV."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from quartzdb.cli.importing.csv_table import vector_of_cell
from quartzdb.cli.importing.source import BadLine
from quartzdb.cli.parquet.cells import Unsupported, is_text, list_bounds, reader
from quartzdb.cli.parquet.library import pyarrow
from quartzdb.domain.errors import QuartzError
from quartzdb.domain.vector import check_finite

if TYPE_CHECKING:
    from quartzdb.domain.vector import Vector

At = Callable[[int], "Vector"]
"""The vector at a place of an array. Raises BadLine."""


def vector_reader(kind: Any, column: str) -> Callable[[Any], At]:
    """How arrays of this pyarrow.DataType are read. Raises Unsupported."""
    if is_text(kind):
        read = reader(kind)
        return lambda array: _texts(read(array), column)
    if not is_vector_type(kind):
        raise Unsupported(str(kind))
    return lambda array: _lists(array, column)


def is_vector_type(kind: Any) -> bool:
    """Whether it is a list of numbers, of one length or not."""
    types = pyarrow().types
    lists = types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind)
    return bool(lists and _is_number(kind.value_type))


def _is_number(kind: Any) -> bool:
    types = pyarrow().types
    return bool(types.is_floating(kind) or types.is_integer(kind) or types.is_decimal(kind))


def _texts(cells: list[Any], column: str) -> At:
    def at(place: int) -> Vector:
        if cells[place] is None:
            raise BadLine(f"{column}: the vector is null")
        try:
            return vector_of_cell(cells[place])
        except QuartzError as error:
            raise BadLine.of(error) from error

    return at


def _lists(array: Any, column: str) -> At:
    pa = pyarrow()
    bounds = list_bounds(array)
    there = [one for one in bounds if one is not None]
    first, last = (there[0][0], there[-1][1]) if there else (0, 0)
    numbers = array.values.slice(first, last - first)
    if pa.types.is_decimal(numbers.type):
        numbers = numbers.cast(pa.float64())
    gaps = numbers.is_null().to_numpy(zero_copy_only=False) if numbers.null_count else None
    # Copied once, so that no vector holds on to the buffers of the file's reader.
    with np.errstate(over="ignore"):
        flat = np.array(numbers.to_numpy(zero_copy_only=False), dtype=np.float32)

    def at(place: int) -> Vector:
        bound = bounds[place]
        if bound is None:
            raise BadLine(f"{column}: the vector is null")
        begin, end = bound[0] - first, bound[1] - first
        if gaps is not None and gaps[begin:end].any():
            raise BadLine(f"{column}: the number at position {int(np.argmax(gaps[begin:end]))} is null")
        try:
            return check_finite(flat[begin:end], column)
        except QuartzError as error:
            raise BadLine.of(error) from error

    return at
