"""Schemas of what a request used."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from quartzdb.api.schemas.model import Document

DryRun = Annotated[
    bool,
    Field(
        description='Do nothing, and answer what it would have used: `{"dry_run": true, "usage": …}`. Of a read that '
        "is found out by reading."
    ),
]


class Receipt(Document):
    """What the request used."""

    read_units: int = Field(
        description="One query, fetch, list, count or key-value read, per 64 KB of answer begun."
    )
    write_units: int = Field(
        description="One KB written, begun, per record or value; a deletion of one thing is one."
    )
    cost_usd: str = Field(
        "",
        description="What that costs, as an exact decimal, before anything that a plan includes. Only where the tenant "
        "has a plan with prices.",
        json_schema_extra={"pattern": r"^[0-9]+(\.[0-9]+)?$"},
    )


class Quote(Document):
    """What the request would have used. Nothing was done."""

    dry_run: Literal[True]
    usage: Receipt
