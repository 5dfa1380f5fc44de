"""Plans and prices as they are sold, for tests that need some and not all of their months."""

from __future__ import annotations

from quartzdb.domain.grant import Prices
from quartzdb_platform.domain.plan import Plan
from quartzdb_platform.plans.plan_file import load_plans

MONTH = "2026-11"


def plan_of(name: str) -> Plan:
    return load_plans().of(name, MONTH)


def prices() -> Prices:
    return load_plans().prices_at(MONTH)
