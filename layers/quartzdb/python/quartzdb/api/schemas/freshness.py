"""Schemas of how fresh an answer is."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from quartzdb.api.schemas.model import Document


class Freshness(Document):
    """How far behind the active site an answer is that another site gave."""

    consistency: Literal["eventual"]
    behind_ms: int | None = Field(
        description="For how many milliseconds writes at the active site may be missing; null where nobody knows."
    )
    recovery_point_ms: int | None = Field(
        description="Everything that the active site took up to then is in the answer: unix time in milliseconds."
    )
    version: str | None = Field(
        description="The same as a version: every write of the active site up to it is there."
    )


class ReadDocument(Document):
    """An answer that was read."""

    freshness: Freshness | None = Field(
        None,
        description="Only where two sites share the namespace and the active one did not answer this: what is written "
        "there comes here a little later, whatever `consistency` asked for.",
    )
