"""Which reads and writes are to be refused, by what was used: a pure decision. Who carries it out is `cap_keeping`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from quartzdb.domain.grant import Block, Prices
from quartzdb.domain.granted_limits import MONEY
from quartzdb_platform.domain.plan import Plan
from quartzdb_platform.metering.bill import Used, bill, total
from quartzdb_platform.plans.blocks import Blocked, Where
from quartzdb_platform.ports import Held


class Spending(NamedTuple):
    """Whether more than what is included is sold, what counts against it, what it is, and what was charged beyond it.
    `capped`: whether something was not charged any more since the cap was set.
    """

    overage: bool
    used: Used
    included: Used
    micro_dollars: int
    capped: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """An organization in a month: what its projects used of it, what they hold, and the owner's cap. `settled`: where
    plans or caps may have changed in it.
    """

    plan: Plan
    prices: Prices
    month: str
    month_ends_ms: int
    used: Mapping[str, Used]
    held: Mapping[str, Held]
    cap_micro_dollars: int | None
    raise_at: str
    settled: Spending | None = None


def blocks_for(standing: Standing) -> Mapping[Where, Block]:
    """All that are to stand now.

    The owner's cap stops everything, until the month ends. What a plan without overage includes stops reads or writes
    until then. A limit on what is held stops writes until something is deleted, or the plan is another.
    """
    found: dict[Where, Block] = {}
    _add_limits(found, standing)
    used = sum(standing.used.values(), Used())
    spending = standing.settled or _as_a_whole(standing, used)
    if not spending.overage:
        _add_included(found, standing, spending)
    spent, cap = spending.micro_dollars, standing.cap_micro_dollars
    if cap is not None and spending.overage and (spent >= cap or spending.capped):
        block = Block("cap", spent, cap, MONEY, standing.month_ends_ms, standing.raise_at)
        found |= {Where(Blocked.READS): block, Where(Blocked.WRITES): block}
    return found


def _as_a_whole(standing: Standing, used: Used) -> Spending:
    whole = Used(standing.plan.included.read_units, standing.plan.included.write_units)
    spent = total(bill(standing.plan, standing.prices, used, standing.month))
    return Spending(standing.plan.overage, used, whole, spent, False)


def _add_included(found: dict[Where, Block], standing: Standing, spending: Spending) -> None:
    until, at = standing.month_ends_ms, standing.raise_at
    used, included = spending.used, spending.included
    held = sum(held.bytes for held in standing.held.values())
    most = standing.plan.included.storage_bytes
    if held >= most:
        found[Where(Blocked.WRITES)] = Block("storage", held, most, "bytes", None, at)
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
