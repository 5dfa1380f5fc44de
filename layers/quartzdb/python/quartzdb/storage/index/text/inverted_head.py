"""`inverted`: the small file of a segment that says what is where in `postings`, the large one.

In that, of each field: how long its texts are, the blocks of its dictionary, the lists of its words, their places.
What a reader needs first lies at the beginning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import orjson

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.values import dataclass
from quartzdb.storage.index.text.dictionary import BlockPlace
from quartzdb.storage.index.text.postings import damaged

_FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class FieldHead:
    """One field. `analysis` is what a text's words were found by; None for sparse vectors.

    `documents` rows have any of it, in `total` words together; the shortest has `shortest`. The lengths of rows are
    `length_bytes` long each, from `lengths_start` on. `firsts` are the first words of `blocks`.
    """

    name: str
    analysis: Mapping[str, Any] | None
    documents: int
    total: int
    shortest: int
    lengths_start: int
    length_bytes: int
    firsts: Sequence[str]
    blocks: Sequence[BlockPlace]


@dataclass(frozen=True, slots=True, eq=False)
class InvertedHead:
    """`analyser`: the version of what found the words. `opening_bytes`: lengths and dictionaries of all fields."""

    rows: int
    analyser: int
    opening_bytes: int
    fields: Sequence[FieldHead]

    def encode(self) -> bytes:
        """As JSON."""
        return orjson.dumps(
            {
                "format": _FORMAT,
                "rows": self.rows,
                "analyser": self.analyser,
                "opening_bytes": self.opening_bytes,
                "fields": [
                    {
                        "name": one.name,
                        "analysis": one.analysis,
                        "documents": one.documents,
                        "total": one.total,
                        "shortest": one.shortest,
                        "lengths_start": one.lengths_start,
                        "length_bytes": one.length_bytes,
                        "firsts": list(one.firsts),
                        "blocks": [[b.start, b.length, b.lists, b.places] for b in one.blocks],
                    }
                    for one in self.fields
                ],
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read it back. Raises Corrupted."""
        try:
            document = orjson.loads(data)
            if document["format"] != _FORMAT:
                raise Corrupted(
                    f"A segment's inverted index has format {document['format']}; this version reads {_FORMAT}.",
                    hint="Use the version of QuartzDB that wrote the data, or a newer one.",
                )
            fields = []
            for one in document["fields"]:
                one["blocks"] = [BlockPlace(*place) for place in one["blocks"]]
                if len(one["blocks"]) != len(one["firsts"]):
                    raise ValueError("as many blocks as first words")
                fields.append(FieldHead(**one))
            return cls(document["rows"], document["analyser"], document["opening_bytes"], fields)
        except (ValueError, KeyError, TypeError) as error:
            raise damaged("its head cannot be read") from error
