"""Which reads and writes are to be refused, by what was used: a pure decision. Who carries it out is `cap_keeping`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quartzdb.domain.grant import Block, Prices
from quartzdb.domain.granted_limits import MONEY
from quartzdb_platform.domain.plan import Plan
from quartzdb_platform.metering.bill import Used, bill, total
from quartzdb_platform.plans.blocks import Blocked, Where
from quartzdb_platform.ports import Held


@dataclass(frozen=True, slots=True)
class Standing:
    """An organization in a month: what its projects used of it, what they hold, and the owner's cap."""

    plan: Plan
    prices: Prices
    month: str
    month_ends_ms: int
    used: Mapping[str, Used]
    held: Mapping[str, Held]
    cap_micro_dollars: int | None
    raise_at: str


def blocks_for(standing: Standing) -> Mapping[Where, Block]:
    """All that are to stand now.

    The owner's cap stops everything, until the month ends. What a plan without overage includes stops reads or writes
    until then. A limit on what is held stops writes until something is deleted, or the plan is another.
    """
    found: dict[Where, Block] = {}
    _add_limits(found, standing)
    used = sum(standing.used.values(), Used())
    if not standing.plan.overage:
        _add_included(found, standing, used)
    spent = total(bill(standing.plan, standing.prices, used, standing.month))
    cap = standing.cap_micro_dollars
    if cap is not None and standing.plan.overage and spent >= cap:
        block = Block("cap", spent, cap, MONEY, standing.month_ends_ms, standing.raise_at)
        found |= {Where(Blocked.READS): block, Where(Blocked.WRITES): block}
    return found


def _add_included(found: dict[Where, Block], standing: Standing, used: Used) -> None:
    included, until, at = standing.plan.included, standing.month_ends_ms, standing.raise_at
    held = sum(held.bytes for held in standing.held.values())
    if held >= included.storage_bytes:
        found[Where(Blocked.WRITES)] = Block("storage", held, included.storage_bytes, "bytes", None, at)
    if used.write_units >= included.write_units:
        found[Where(Blocked.WRITES)] = Block(
            "write_units", used.write_units, included.write_units, "write units", until, at
        )
    if used.read_units >= included.read_units:
        found[Where(Blocked.READS)] = Block(
            "read_units", used.read_units, included.read_units, "read units", until, at
        )


def _add_limits(found: dict[Where, Block], standing: Standing) -> None:
    limits = standing.plan.limits
    for project_id, held in standing.held.items():
        where = Where(Blocked.WRITES, project_id)
        if limits.vectors is not None and held.vectors >= limits.vectors:
            found[where] = Block("vectors", held.vectors, limits.vectors, "vectors", None, standing.raise_at)
        if limits.storage_bytes is not None and held.bytes >= limits.storage_bytes:
            found[where] = Block(
                "storage_bytes", held.bytes, limits.storage_bytes, "bytes", None, standing.raise_at
            )
