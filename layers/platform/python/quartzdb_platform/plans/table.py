"""The plans side by side, as rows of text: what docs/plans.md prints, and pages may. Made from the plans alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from quartzdb_platform.domain.plan import Plan, PlanVersion

_MICRO = 1_000_000
_ROWS: Sequence[tuple[str, Callable[[Plan], str]]] = (
    ("a month", lambda plan: dollars(plan.month_micro_dollars)),
    ("read units a month", lambda plan: f"{plan.included.read_units:,}"),
    ("write units a month", lambda plan: f"{plan.included.write_units:,}"),
    ("storage", lambda plan: _bytes(plan.included.storage_bytes)),
    ("more than that", lambda plan: "at the prices below" if plan.overage else "refused"),
    ("seats", lambda plan: f"{plan.seats:,}"),
    ("projects", lambda plan: f"{plan.projects:,}"),
    ("usage and audit log kept", lambda plan: f"{plan.retention_days} days"),
    ("features", lambda plan: ", ".join(sorted(plan.features)).replace("_", " ") or "–"),
    (
        "requests a second of a project, at once",
        lambda plan: _pair(plan.limits.requests_per_second, plan.limits.burst),
    ),
    (
        "requests a second of a key, at once",
        lambda plan: _pair(plan.limits.key_requests_per_second, plan.limits.key_burst),
    ),
    ("namespaces of a project", lambda plan: _number(plan.limits.namespaces)),
    ("dimension", lambda plan: _number(plan.limits.dimension)),
    ("`top_k`", lambda plan: _number(plan.limits.top_k)),
    ("vectors of a project", lambda plan: _number(plan.limits.vectors)),
    ("storage of a project", lambda plan: _bytes(plan.limits.storage_bytes)),
)


def plan_rows(version: PlanVersion) -> Sequence[Sequence[str]]:
    """A header and a row for each thing, of as many columns as there are plans and one."""
    plans = version.by_name.values()
    header = ["", *(plan.title for plan in plans)]
    return [header, *([name, *(of(plan) for plan in plans)] for name, of in _ROWS)]


def price_rows(versions: Sequence[PlanVersion]) -> Sequence[Sequence[str]]:
    """What more than what is included costs, a column for each version."""
    prices = [version.prices for version in versions]
    return [
        ["Beyond what is included", *(f"from {version.from_month}" for version in versions)],
        ["a million read units", *(dollars(one.million_read_units) for one in prices)],
        ["a million write units", *(dollars(one.million_write_units) for one in prices)],
        ["a GB (10⁹ bytes) for a month", *(dollars(one.gigabyte_month) for one in prices)],
    ]


def dollars(micro_dollars: int) -> str:
    """An amount as people read it, exactly: two digits after the point, or as many as there are."""
    whole, rest = divmod(micro_dollars, _MICRO)
    return f"${whole:,}.{f'{rest:06}'.rstrip('0').ljust(2, '0')}" if rest else f"${whole:,}"


def _pair(rate: int | None, burst: int | None) -> str:
    return "–" if rate is None else f"{rate:,}, {rate if burst is None else burst:,}"


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _bytes(value: int | None) -> str:
    return "–" if value is None else f"{value / 1e9:,g} GB"
