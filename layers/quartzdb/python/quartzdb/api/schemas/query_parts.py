"""Schemas of what a query may ask beside a vector, and of how its parts stand in the answer.

The domain reads the parts (domain/query_documents.py): here they are described.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from quartzdb.api.schemas.model import Document
from quartzdb.domain.limits import (
    FUSION_K_MAX,
    FUSION_WEIGHT_MAX,
    SPARSE_ENTRIES_MAX,
    SPARSE_INDEX_MAX,
    TEXT_CLAUSES_MAX,
    TEXT_QUERY_CHARACTERS_MAX,
)

_CLAUSES = {
    "type": "array",
    "items": {"type": "string"},
    "maxItems": TEXT_CLAUSES_MAX,
}
_WEIGHT = {"type": "number", "minimum": 0, "maximum": FUSION_WEIGHT_MAX}
TextPart = Annotated[
    Any,
    WithJsonSchema(
        {
            "description": (
                "Words to find in the text fields that the namespace declares: the best records have many of them, and "
                'rare ones. `"in quotes"` is a phrase, `begin*` any word that begins so.'
            ),
            "type": ["object", "null"],
            "properties": {
                "query": {
                    "type": "string",
                    "maxLength": TEXT_QUERY_CHARACTERS_MAX,
                    "description": "Words, of which the best records have many. Or clauses in `must` and `should`.",
                },
                "fields": {
                    "type": ["object", "null"],
                    "additionalProperties": _WEIGHT,
                    "description": "Which fields, and how much each counts; all of them alike without it.",
                },
                "must": {**_CLAUSES, "description": "What every match has."},
                "should": {**_CLAUSES, "description": "What makes a match better."},
                "must_not": {**_CLAUSES, "description": "What no match has."},
            },
            "additionalProperties": False,
        }
    ),
]
SparsePart = Annotated[
    Any,
    WithJsonSchema(
        {
            "description": "A sparse vector: the best records have the greatest products with it.",
            "type": ["object", "null"],
            "properties": {
                "field": {
                    "type": "string",
                    "description": "Which field that the namespace declares as sparse; not needed where there is one.",
                },
                "indices": {
                    "type": "array",
                    "items": {"type": "integer", "minimum": 0, "maximum": SPARSE_INDEX_MAX},
                    "minItems": 1,
                    "maxItems": SPARSE_ENTRIES_MAX,
                    "uniqueItems": True,
                },
                "values": {
                    "type": "array",
                    "items": {"type": "number"},
                    "minItems": 1,
                    "maxItems": SPARSE_ENTRIES_MAX,
                },
            },
            "required": ["indices", "values"],
            "additionalProperties": False,
        }
    ),
]
FusionChoice = Annotated[
    Any,
    WithJsonSchema(
        {
            "description": (
                "How the rankings of several parts become one. `rrf`, which is meant where nothing is said: the sum of "
                "1 / (k + rank). `weighted`: the sum of weights times scores, those of each part stretched to 0 … 1."
            ),
            "anyOf": [
                {
                    "type": "object",
                    "properties": {
                        "method": {"const": "rrf"},
                        "k": {"type": "integer", "minimum": 1, "maximum": FUSION_K_MAX, "default": 60},
                    },
                    "additionalProperties": False,
                },
                {
                    "type": "object",
                    "properties": {
                        "method": {"const": "weighted"},
                        "vector": _WEIGHT,
                        "text": _WEIGHT,
                        "sparse": _WEIGHT,
                    },
                    "required": ["method"],
                    "additionalProperties": False,
                },
                {"type": "null"},
            ],
        }
    ),
]


class PartRankDocument(Document):
    """Where a record stands in the ranking of one part, the best at 1 and equals alike, and with which score."""

    rank: int
    score: float


class Explanation(Document):
    """The parts by which the record was found."""

    vector: PartRankDocument | None = None
    text: PartRankDocument | None = None
    sparse: PartRankDocument | None = None


Explain = Annotated[bool, Field(description="Whether each match says how it stands in each part.")]
