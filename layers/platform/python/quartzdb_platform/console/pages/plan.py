"""The plan of an organization beside the others, and what is refused for now because of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from quartzdb.domain.grant import Block
from quartzdb.domain.granted_limits import MONEY
from quartzdb_platform.api.auth import PlatformNow
from quartzdb_platform.console import page
from quartzdb_platform.console.visitor import Place, in_organization
from quartzdb_platform.console.words import english
from quartzdb_platform.domain.calendar import month_of
from quartzdb_platform.domain.permissions import Permission
from quartzdb_platform.domain.plan import Plan
from quartzdb_platform.plans.blocks import Where
from quartzdb_platform.plans.table import dollars

router = APIRouter()
Sees = Annotated[Place, Depends(in_organization(Permission.ORGANIZATION_READ))]


class Row(NamedTuple):
    """One line of the comparison: the name of its words, and a cell for each plan."""

    name: str
    values: Sequence[str]


class Blocking(NamedTuple):
    """What is refused and why, as people are told; until when, None for as long as it stands."""

    text: str
    until_ms: int | None


@router.get("/organizations/{organization_id}/plan")
def show_plan(request: Request, place: Sees, platform: PlatformNow) -> Response:
    """Where refusals of the database lead to."""
    version = platform.plans.at(month_of(platform.clock.unix_ms()))
    plans = list(version.by_name.values())
    values = {
        "visitor": place.visitor,
        "place": place,
        "mine": version.of(place.organization.plan),
        "plans": plans,
        "rows": [Row(name, [cell(plan) for plan in plans]) for name, cell in _CELLS],
        "blocks": [_told(where, block) for where, block in platform.blocks.of(place.organization.id).items()],
    }
    return page.render(request, "plan.html", values)


def _told(where: Where, block: Block) -> Blocking:
    words = english()
    if block.unit == MONEY:
        spent, cap = dollars(block.used), dollars(block.allowed)
        text = words("plan.blocked_cap", what=where.what, used=spent, allowed=cap)
    else:
        amounts = {"used": f"{block.used:,}", "allowed": f"{block.allowed:,}", "unit": block.unit}
        text = words("plan.blocked", what=where.what, limit=block.limit, **amounts)
    return Blocking(text, block.until_ms)


def _number(value: int | None) -> str:
    return english()("plan.unlimited") if value is None else f"{value:,}"


def _month(plan: Plan) -> str:
    return (
        f"${plan.month_micro_dollars / 1_000_000:,.0f}"
        if plan.month_micro_dollars
        else english()("plan.free")
    )


def _overage(plan: Plan) -> str:
    return english()("plan.sold" if plan.overage else "plan.refused")


_CELLS: Sequence[tuple[str, Callable[[Plan], str]]] = (
    ("month", _month),
    ("requests_per_second", lambda plan: _number(plan.limits.requests_per_second)),
    ("namespaces", lambda plan: _number(plan.limits.namespaces)),
    ("vectors", lambda plan: _number(plan.limits.vectors)),
    ("dimension", lambda plan: _number(plan.limits.dimension)),
    ("top_k", lambda plan: _number(plan.limits.top_k)),
    ("storage", lambda plan: f"{plan.included.storage_bytes / 1e9:,.0f} GB"),
    ("read_units", lambda plan: _number(plan.included.read_units)),
    ("write_units", lambda plan: _number(plan.included.write_units)),
    ("overage", _overage),
    ("seats", lambda plan: _number(plan.seats)),
    ("projects", lambda plan: _number(plan.projects)),
    ("retention", lambda plan: _number(plan.retention_days)),
)
