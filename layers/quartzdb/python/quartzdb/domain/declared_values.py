"""Values of declared fields: what a client may write as text, and as a sparse vector {"indices": [..], "values": [..]}.

A site that is told of others by its peer takes them as they are: what indexes them passes over what is of another kind.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from quartzdb.domain.errors import InvalidMetadata
from quartzdb.domain.limits import SPARSE_ENTRIES_MAX, SPARSE_INDEX_MAX
from quartzdb.domain.metadata import json_type

FLOAT32_MAX = 3.4028234663852886e38
_SHAPE = 'Send {"indices": [3, 17], "values": [0.5, 1.25]}.'


def check_sparse(document: object, field: str) -> None:
    """Raises InvalidMetadata for what is no sparse vector: as many numbers as indices, each index once, all finite."""
    if not isinstance(document, Mapping) or document.keys() != {"indices", "values"}:
        found = "an object with other fields" if isinstance(document, Mapping) else json_type(document)
        raise InvalidMetadata(
            f"A sparse vector is an object with `indices` and `values`, not {found}.",
            field=field,
            hint=_SHAPE,
        )
    indices, values = document["indices"], document["values"]
    for name, numbers in (("indices", indices), ("values", values)):
        if not isinstance(numbers, list | tuple):
            raise InvalidMetadata(
                f"`{name}` of a sparse vector is an array, not {json_type(numbers)}.",
                field=f"{field}.{name}",
                hint=_SHAPE,
            )
    if len(indices) != len(values):
        raise InvalidMetadata(
            f"The sparse vector has {len(indices)} indices but {len(values)} values.",
            field=field,
            hint=_SHAPE,
        )
    if len(indices) > SPARSE_ENTRIES_MAX:
        raise InvalidMetadata(
            f"The sparse vector has {len(indices)} entries; at most {SPARSE_ENTRIES_MAX} are accepted.",
            field=field,
            hint="Leave out those with the smallest values.",
        )
    for position, index in enumerate(indices):
        if type(index) is not int or not 0 <= index <= SPARSE_INDEX_MAX:
            raise InvalidMetadata(
                f"An index of a sparse vector is a whole number from 0 to {SPARSE_INDEX_MAX}.",
                field=f"{field}.indices[{position}]",
            )
    if len(set(indices)) < len(indices):
        raise InvalidMetadata("An index comes twice in the sparse vector.", field=f"{field}.indices")
    for position, value in enumerate(values):
        if type(value) not in (int, float) or not math.isfinite(value) or abs(value) > FLOAT32_MAX:
            raise InvalidMetadata(
                "A value of a sparse vector is a number that is finite in 32-bit precision.",
                field=f"{field}.values[{position}]",
            )


def check_text(document: object, field: str) -> None:
    """Raises InvalidMetadata for what is no text: a string, or an array of strings."""
    if isinstance(document, str):
        return
    if not isinstance(document, list | tuple):
        raise InvalidMetadata(
            f"This field is declared as text: a string or an array of strings, not {json_type(document)}.",
            field=field,
            hint="Leave it out where there is no text, or keep it under another name.",
        )
    for position, text in enumerate(document):
        if not isinstance(text, str):
            raise InvalidMetadata(
                f"This field is declared as text: its entries are strings, not {json_type(text)}.",
                field=f"{field}[{position}]",
            )
