"""What a tool is: its name, what it takes and answers, which scope the key needs, and what it does."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from mcp_types import Tool as ToolDocument
from mcp_types import ToolAnnotations
from pydantic import BaseModel, ConfigDict, Field, model_validator

from quartzdb_mcp.database import Database

Scope = Literal["read", "write"]

READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
REPLACES = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)
"""Of a tool that overwrites or deletes, and does the same when it is called again."""

NamespaceName = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$",
        max_length=63,
        description="The namespace. `list_namespaces` has them.",
    ),
]
RecordId = Annotated[str, Field(min_length=1, max_length=512)]
VectorNumbers = Annotated[
    list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=1, max_length=4096)
]
Filter = Annotated[
    dict[str, Any],
    Field(
        description='Conditions on metadata fields, like {"year": {"$gte": 1960}, "lang": "en"}. Operators: $eq $ne '
        "$gt $gte $lt $lte $in $nin $exists $prefix $contains, and $and $or $not around conditions; `a.b` is a nested "
        "field."
    ),
]
FieldNames = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=512)]],
    Field(
        max_length=50,
        description="Which metadata fields to show; `a.b` is a nested one. All without it, none for [].",
    ),
]


class Arguments(BaseModel):
    """What a tool takes. What it does not know is refused, not left out: an agent shall notice its mistakes."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _as_json(cls, given: Any) -> Any:
        """Some clients send arrays and objects as JSON in a string."""
        if not isinstance(given, dict):
            return given
        return {name: cls._unpacked(name, value) for name, value in given.items()}

    @classmethod
    def _unpacked(cls, name: str, value: Any) -> Any:
        known = cls.model_fields.get(name)
        if known is None or not isinstance(value, str) or not value.lstrip().startswith(("[", "{")):
            return value
        if known.annotation in (str, str | None):
            return value
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value


class Usage(BaseModel):
    """What the call used of the database."""

    read_units: int
    write_units: int
    cost_usd: str | None = None


class Answer(BaseModel):
    """What a tool answers. What is None is left out."""

    notes: list[str] = Field(default=[], description="What was cut or left out, and what to do about it.")
    usage: Usage | None = None


A = TypeVar("A", bound=Arguments)


@dataclass(frozen=True, slots=True)
class Tool(Generic[A]):
    """One tool. `scope` is what the key must have; a key without it is refused by the database."""

    name: str
    title: str
    description: str
    scope: Scope
    arguments: type[A]
    answer: type[Answer]
    annotations: ToolAnnotations
    work: Callable[[Database, A], Awaitable[Answer]]

    async def run(self, database: Database, given: dict[str, Any]) -> Answer:
        """Do it. Raises ValidationError for arguments that are not as the schema says, QuartzDBError."""
        return await self.work(database, self.arguments.model_validate(given))

    def document(self) -> ToolDocument:
        """As clients see it."""
        return ToolDocument(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=self.arguments.model_json_schema(),
            output_schema=self.answer.model_json_schema(),
            annotations=self.annotations,
            _meta={"quartzdb/scope": self.scope},
        )
