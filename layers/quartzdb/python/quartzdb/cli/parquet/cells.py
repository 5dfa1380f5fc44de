"""Cells of a Parquet column as values of metadata, column by column. Decides what every type becomes.

JSON has neither times nor decimals: times become text of RFC 3339 with as many digits as their unit has, so that they
sort as text, and decimals the nearest number. What is null is None. docs/cli.md has the table.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import orjson

from quartzdb.cli.failure import Failure
from quartzdb.cli.parquet.library import pyarrow

Read = Callable[[Any], list[Any]]
"""The values of an array, one for each of its places."""


class Unsupported(Exception):
    """A type that metadata cannot hold; says which."""


def reader(kind: Any, *, as_text: bool = False) -> Read:
    """How arrays of this pyarrow.DataType are read; `as_text`: numbers and truth values as text. Raises Unsupported.

    Reading raises Failure where a cell is no JSON although its type says so.
    """
    if as_text and pyarrow().types.is_decimal(kind):
        return lambda array: [None if one is None else format(one, "f") for one in array.to_pylist()]
    read = _extension(kind) or _nested(kind) or _moment(kind) or _scalar(kind)
    if read is None:
        raise Unsupported(str(kind))
    return (lambda array: [_text(one) for one in read(array)]) if as_text else read


def _extension(kind: Any) -> Read | None:
    pa = pyarrow()
    if pa.types.is_dictionary(kind):
        read = reader(kind.value_type)
        return lambda array: read(array.dictionary_decode())
    if not isinstance(kind, pa.BaseExtensionType):
        return None
    stored = _storage(kind)
    return lambda array: stored(array.storage)


def _storage(kind: Any) -> Read:
    """Of an extension type: JSON as what it says, a UUID as text, any other as what it is stored as."""
    if kind.extension_name == "arrow.uuid":
        return lambda array: [None if one is None else str(UUID(bytes=one)) for one in array.to_pylist()]
    read = reader(kind.storage_type)
    if kind.extension_name != "arrow.json":
        return read
    return lambda array: [None if text is None else _json(text) for text in read(array)]


def is_text(kind: Any) -> bool:
    """Whether it is text of any kind, in a dictionary or not."""
    types = pyarrow().types
    plain = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_string(plain) or types.is_large_string(plain) or types.is_string_view(plain))


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Failure(
            f"A cell of the type JSON is not JSON: {error.msg}, at column {error.colno}."
        ) from error


def _nested(kind: Any) -> Read | None:
    types = pyarrow().types
    if types.is_struct(kind):
        names = [kind.field(place).name for place in range(kind.num_fields)]
        reads = [reader(kind.field(place).type) for place in range(kind.num_fields)]
        return lambda array: _objects(array, names, reads)
    if types.is_map(kind):
        if not is_text(kind.key_type):
            raise Unsupported(f"{kind}: keys of JSON are text")
        keys, values = reader(kind.key_type), reader(kind.item_type)
        return lambda array: _maps(array, keys, values)
    if types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind):
        elements = reader(kind.value_type)
        return lambda array: [
            None if bounds is None else some[bounds[0] : bounds[1]]
            for some in [elements(array.values)]
            for bounds in list_bounds(array)
        ]
    return None


def list_bounds(array: Any) -> list[tuple[int, int] | None]:
    """Where each list begins and ends in `array.values`; None for one that is null."""
    if pyarrow().types.is_fixed_size_list(array.type):
        size = array.type.list_size
        offsets = (np.arange(len(array) + 1, dtype=np.int64) + array.offset) * size
    else:
        offsets = array.offsets.to_numpy()
    ends = offsets.tolist()
    valid = array.is_valid().to_pylist()
    return [(ends[place], ends[place + 1]) if there else None for place, there in enumerate(valid)]


def _objects(array: Any, names: list[str], reads: list[Read]) -> list[Any]:
    columns = [read(column) for read, column in zip(reads, array.flatten(), strict=True)]
    # Columns make no difference between what is null and what is not there.
    return [
        {
            name: cell
            for name, column in zip(names, columns, strict=True)
            if (cell := column[place]) is not None
        }
        if there
        else None
        for place, there in enumerate(array.is_valid().to_pylist())
    ]


def _maps(array: Any, keys: Read, values: Read) -> list[Any]:
    names, items = keys(array.keys), values(array.items)
    ends = array.offsets.to_pylist()
    return [
        dict(zip(names[ends[place] : ends[place + 1]], items[ends[place] : ends[place + 1]], strict=True))
        if there
        else None
        for place, there in enumerate(array.is_valid().to_pylist())
    ]


def _moment(kind: Any) -> Read | None:
    pa = pyarrow()
    if pa.types.is_timestamp(kind):
        zone = "Z" if kind.tz else ""
        return lambda array: [
            None if text is None else text + zone for text in _moments(array.cast("int64"), kind.unit)
        ]
    if pa.types.is_date(kind):
        return lambda array: _moments(array.cast(pa.date32()).cast("int32"), "D")
    if pa.types.is_time(kind):
        stored = "int32" if pa.types.is_time32(kind) else "int64"
        return lambda array: [
            None if text is None else text.partition("T")[2]
            for text in _moments(array.cast(stored), kind.unit)
        ]
    return None


def _moments(counts: Any, unit: str) -> list[Any]:
    """Text of what is counted in the unit since 1970."""
    moments = counts.fill_null(0).to_numpy(zero_copy_only=False).astype(f"datetime64[{unit}]")
    texts = np.datetime_as_string(moments).tolist()
    if not counts.null_count:
        return list(texts)
    return [text if there else None for text, there in zip(texts, counts.is_valid().to_pylist(), strict=True)]


def _scalar(kind: Any) -> Read | None:
    types = pyarrow().types
    if types.is_decimal(kind):
        return lambda array: [None if one is None else _number(one) for one in array.to_pylist()]
    if types.is_float16(kind):
        return lambda array: [None if one is None else float(one) for one in array.to_pylist()]
    number = types.is_integer(kind) or types.is_floating(kind)
    plain = number or types.is_boolean(kind) or types.is_null(kind) or is_text(kind)
    return (lambda array: list(array.to_pylist())) if plain else None


def _number(decimal: Decimal) -> int | float:
    exponent = decimal.as_tuple().exponent
    return int(decimal) if isinstance(exponent, int) and exponent >= 0 else float(decimal)


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value
