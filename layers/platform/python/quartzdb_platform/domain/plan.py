"""Plans and their versions: what an organization pays for, as values.

Money is whole micro-dollars, a month is one of the calendar (2026-11). A month is billed by one version, whatever is
sold later: the last one that began with it or before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.grant import GrantLimits, Prices


@dataclass(frozen=True, slots=True)
class Included:
    """What a month of a plan includes, of all projects of the organization together; storage as its mean."""

    read_units: int
    write_units: int
    storage_bytes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """`limits`: of each project, and of each of its keys. `overage`: whether more than what is included is sold, at the
    prices; else it is all there is. `retention_days`: how long usage and audit events can be looked at.
    """

    name: str
    title: str
    month_micro_dollars: int
    overage: bool
    seats: int
    projects: int
    retention_days: int
    features: frozenset[str]
    included: Included
    limits: GrantLimits


@dataclass(frozen=True, slots=True)
class PlanVersion:
    """What is sold from a month on: all plans, the cheapest first, and the prices that they share."""

    from_month: str
    by_name: Mapping[str, Plan]
    prices: Prices

    def of(self, name: str) -> Plan:
        """Raises InvalidArgument for what is no plan."""
        plan = self.by_name.get(name)
        if plan is None:
            raise InvalidArgument(
                f"{name[:40]!r} is no plan.", field="plan", hint=f"Use one of: {', '.join(self.by_name)}."
            )
        return plan


@dataclass(frozen=True, slots=True)
class Plans:
    """All versions, at least one, the newest last. Months before the first are of the first."""

    versions: tuple[PlanVersion, ...]

    def at(self, month: str) -> PlanVersion:
        """The version that a month is billed by."""
        begun = [version for version in self.versions if version.from_month <= month]
        return begun[-1] if begun else self.versions[0]

    def prices_at(self, month: str) -> Prices:
        """What units cost in a month."""
        return self.at(month).prices

    def of(self, name: str, month: str) -> Plan:
        """What a plan is in a month. Raises InvalidArgument for what is no plan."""
        return self.at(month).of(name)
