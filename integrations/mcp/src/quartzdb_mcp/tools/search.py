"""Search: by words, by a vector, by a record that is there, or by words and one of these together."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field, model_validator

from quartzdb_mcp.database import Database
from quartzdb_mcp.fitting import fit
from quartzdb_mcp.metadata import chosen, numbers, without_nothing
from quartzdb_mcp.tool import (
    READS,
    Answer,
    Arguments,
    FieldNames,
    Filter,
    NamespaceName,
    RecordId,
    Tool,
    VectorNumbers,
)

TOP_K_MAX = 50


class SearchArguments(Arguments):
    """A question."""

    namespace: NamespaceName
    text: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=2000,
            description='Words to find in the text fields of the namespace. "in quotes" is a phrase, begin* any word '
            "that begins so.",
        ),
    ] = None
    vector: Annotated[
        VectorNumbers | None,
        Field(description="An embedding, made by the model that the records' were made by."),
    ] = None
    id: Annotated[
        RecordId | None, Field(description="A record: find those whose vectors are near to its vector.")
    ] = None
    text_fields: Annotated[
        list[str] | None,
        Field(max_length=16, description="Which text fields the words are looked for in. All without it."),
    ] = None
    filter: Filter | None = None
    top_k: Annotated[int, Field(ge=1, le=TOP_K_MAX, description="How many to answer.")] = 10
    min_score: float | None = None
    distinct: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=512,
            description="A metadata field: of each of its values the best match.",
        ),
    ] = None
    fields: FieldNames | None = None
    include_vectors: Annotated[bool, Field(description="They are long: only if you need the numbers.")] = (
        False
    )

    @model_validator(mode="after")
    def _asks_something(self) -> SearchArguments:
        if self.vector is not None and self.id is not None:
            raise ValueError("give `vector` or `id`, not both")
        if self.vector is None and self.id is None and self.text is None:
            raise ValueError("give `text`, `vector` or `id`; to look without a question, use `list`")
        if self.text_fields is not None and self.text is None:
            raise ValueError("`text_fields` goes with `text`")
        return self


class Match(BaseModel):
    """A record that was found."""

    id: str
    score: float
    metadata: dict[str, Any] | None = None
    vector: list[float] | None = None


class SearchAnswer(Answer):
    """The best first. Scores are comparable within one answer only."""

    matches: list[Match]
    mode: Annotated[str, Field(description="`exact`, or `approximate`: then a near record may be missing.")]


async def _search(database: Database, asked: SearchArguments) -> SearchAnswer:
    options: dict[str, Any] = {}
    if asked.text is not None:
        options["text"] = {"query": asked.text}
        if asked.text_fields is not None:
            options["text"]["fields"] = dict.fromkeys(asked.text_fields, 1)
    if asked.distinct is not None:
        options["distinct"] = asked.distinct
    found = await database.client.namespace(asked.namespace).query(
        asked.vector,
        id=asked.id,
        top_k=asked.top_k,
        filter=asked.filter,
        min_score=asked.min_score,
        include_vectors=asked.include_vectors,
        include_metadata=asked.fields != [],
        **options,
    )
    fitted = fit(
        [
            without_nothing(
                {
                    "id": match.id,
                    "score": match.score,
                    "metadata": chosen(match.metadata, asked.fields),
                    "vector": numbers(match.vector),
                }
            )
            for match in found.matches
        ],
        database.characters,
    )
    return SearchAnswer(
        matches=[Match(**match) for match in fitted.records], mode=found.performance.mode, notes=fitted.notes
    )


SEARCH = Tool(
    name="search",
    title="Search records",
    description="Find the records of a namespace that fit a question best: by words (`text`, where the namespace has "
    "text fields), by an embedding (`vector`), by likeness to a record (`id`), or by words and one of these together "
    "(hybrid). `describe_namespace` says what a namespace can be searched by.",
    scope="read",
    arguments=SearchArguments,
    answer=SearchAnswer,
    annotations=READS,
    work=_search,
)
