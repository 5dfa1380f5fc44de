"""What routes of recommendations answer."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from quartzdb_platform.domain.money import dollars
from quartzdb_platform.metering.recommendations import Answer, Found
from quartzdb_platform.metering.savings import Advice, Saving


class SavingAnswer(BaseModel):
    """Of 30 days. `bytes` are stored all the time."""

    requests: int
    read_units: int
    write_units: int
    bytes: int
    keys: int

    @classmethod
    def of(cls, saving: Saving) -> SavingAnswer:
        """The answer for a value."""
        return cls(
            requests=saving.requests,
            read_units=saving.read_units,
            write_units=saving.write_units,
            bytes=saving.bytes,
            keys=saving.keys,
        )


class RecommendationAnswer(BaseModel):
    """What would save something, and how that was computed."""

    advice: Advice
    project: str
    about: Annotated[str, Field(description="The namespace, or the id of the key.")]
    saving: SavingAnswer
    at_most: Annotated[bool, Field(description="The saving is an upper bound; else it is a lower one.")]
    usd: Annotated[str, Field(description="At the plan's prices, before anything that the plan includes.")]
    bill_usd: Annotated[
        str,
        Field(
            description="What this month's bill would have less by its end: nothing while all is included."
        ),
    ]
    computed_from: Annotated[
        dict[str, int | str], Field(description="The counts, as docs/metering.md says of each advice.")
    ]

    @classmethod
    def of(cls, found: Found) -> RecommendationAnswer:
        """The answer for a value."""
        one = found.recommendation
        return cls(
            advice=one.advice,
            project=found.project_id,
            about=one.about,
            saving=SavingAnswer.of(one.saving),
            at_most=one.at_most,
            usd=dollars(found.micro_dollars),
            bill_usd=dollars(found.bill_micro_dollars),
            computed_from=dict(one.numbers),
        )


class RecommendationsAnswer(BaseModel):
    """The dearest first. `days` that were looked at; `described`: whether what namespaces hold was known."""

    days: int
    described: bool
    recommendations: list[RecommendationAnswer]

    @classmethod
    def of(cls, answer: Answer) -> RecommendationsAnswer:
        """The answer for a value."""
        return cls(
            days=answer.days,
            described=answer.described,
            recommendations=[RecommendationAnswer.of(one) for one in answer.found],
        )
