"""Schemas of counting: aggregates, and what fields there are."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from quartzdb.api.schemas.fields import After, ConsistencyChoice, Filter
from quartzdb.api.schemas.freshness import ReadDocument
from quartzdb.api.schemas.model import Array, Body, Document, QueryString
from quartzdb.api.schemas.receipt import DryRun, Receipt
from quartzdb.domain.limits import (
    AGGREGATES_MAX,
    GROUP_FIELDS_MAX,
    GROUPS_SHOWN_MAX,
    PERCENTILES_MAX,
    TOP_VALUES_MAX,
)

Path = Annotated[str, Field(description="A metadata field; `a.b` names a nested one.")]
_Kind = Literal["count", "distinct", "min", "max", "sum", "average", "percentiles", "top"]


class AggregateBody(Body):
    """What to make of a field's values. A record counts for each value, and for each element of an array; null is no
    value.
    """

    kind: _Kind = Field(
        description=(
            "`count` of values, `distinct` ones, `min` and `max` (of numbers, or of strings where there are no "
            "numbers), `sum`, `average` and `percentiles` of numbers, `top` values by how often they come."
        )
    )
    field: Path
    percentiles: Array[float] = Field(
        [],
        description="0 to 100, for `percentiles`: each answer is a number that is there (nearest rank).",
        json_schema_extra={"maxItems": PERCENTILES_MAX},
    )
    limit: int = Field(
        10,
        description="How many values of `top`.",
        json_schema_extra={"minimum": 1, "maximum": TOP_VALUES_MAX},
    )


class AggregateQuery(Body):
    """Which records, in which groups, and what of each."""

    filter: Filter = None
    group_by: Array[Path] = Field([], json_schema_extra={"maxItems": GROUP_FIELDS_MAX})
    aggregates: dict[str, AggregateBody] = Field({}, json_schema_extra={"maxProperties": AGGREGATES_MAX})
    limit: int = Field(
        100,
        description="How many groups, the largest first.",
        json_schema_extra={"minimum": 1, "maximum": GROUPS_SHOWN_MAX},
    )
    consistency: ConsistencyChoice = "strong"
    version: After = None
    dry_run: DryRun = False


class GroupDocument(Document):
    """Records that have these values. A string longer than 256 characters is shown by its beginning."""

    values: dict[str, Any] = Field(description="By field of `group_by`.")
    records: int
    aggregates: dict[str, Any] = Field(
        description="By name: a value, null where there was nothing; percentiles by percentile; top values with counts."
    )


class AggregateAnswer(ReadDocument):
    """All of it exact. Without `group_by` there is one group, of all records."""

    records: int = Field(description="Records that the filter accepts.")
    missing: int = Field(description="Of these, those that have no value of some field of `group_by`.")
    groups: list[GroupDocument]
    more: bool = Field(description="Whether there are further groups.")
    usage: Receipt


class DescribeFields(QueryString):
    """How fresh."""

    consistency: ConsistencyChoice = "strong"
    version: After = None


class ValuesDocument(Document):
    """Values of one type, those in arrays included."""

    type: Literal["boolean", "number", "string"]
    count: int
    min: Any
    max: Any


class FieldDocument(Document):
    """A metadata field that some record has."""

    field: str
    records: int = Field(
        description="Records that have anything there: a value, null, an array or an object."
    )
    values: list[ValuesDocument]


class FieldsAnswer(ReadDocument):
    """The fields, in order."""

    fields: list[FieldDocument]
    more: bool = Field(description="Whether there are further fields: 1,000 are shown.")
    usage: Receipt
