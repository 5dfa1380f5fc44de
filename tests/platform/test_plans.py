"""The plans that are sold: whole, in order, and not below what they cost."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.costs import deployed, prices
from benchmarks.costs.operations import operation, operations
from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.grant import GrantLimits
from quartzdb.domain.limits import DIMENSION_MAX, NAMESPACES_PER_TENANT_MAX, TOP_K_MAX
from quartzdb_platform.plans.plan_file import PLAN_FILE, load_plans, parse_plans
from quartzdb_platform.plans.table import dollars, plan_rows, price_rows

MARGIN = 1.25
"""Prices are at least so many times the cost."""
FREE_MONTH_MAX = 5.0
"""Dollars that somebody who pays nothing may cost in a month."""
MICRO = 1e-6
TRANSFER_GB = 0.085
"""Sending a GB to clients from CloudFront, as docs/costs.md has it; a read unit sends 64 KB at most."""
UNIT_ANSWER_BYTES = 64 * 1024
COLD_SHARE = 0.001
VERSIONS = load_plans().versions
PLANS = VERSIONS[-1]


def read_unit_cost() -> float:
    """Dollars of the dearest read of one unit, one in a thousand of them cold, with as much answer as it may have."""
    warm = max(
        one.total
        for one in operations()
        if one.name.startswith(("warm search", "key-value get", "key-value list"))
    )
    cold = operation("cold search").total
    return (1 - COLD_SHARE) * warm + COLD_SHARE * cold + UNIT_ANSWER_BYTES / 1e9 * TRANSFER_GB


def write_unit_cost() -> float:
    """Dollars of the dearest write for each of its units, sent with an idempotency key."""
    units = {
        "upsert of 10": 10,
        "upsert of 180": 180,
        "upsert of 1 ": 1,
        "delete of 2": 2,
        "key-value put of 100": 100,
        "key-value put with history": 2,
    }
    claim = operation("claim of an idempotency key").total
    found = []
    for one in operations():
        if one.name.startswith(("upsert", "delete of", "key-value put", "key-value delete")):
            written = next((count for name, count in units.items() if one.name.startswith(name)), 1)
            found.append((one.total + claim) / written)
    assert len(found) >= 8
    return max(found)


def stored_gigabyte_cost() -> float:
    """Dollars of the dearest GB of live data in a month: a key-value, in DynamoDB; a vector twice, in S3."""
    return max(0.25 + 0.20, 2 * prices.BUCKET_GB_MONTH)


def test_prices_exceed_costs() -> None:
    """By the margin, for whatever is done."""
    sold = PLANS.prices
    assert sold.million_read_units * MICRO >= MARGIN * 1e6 * read_unit_cost()
    assert sold.million_write_units * MICRO >= MARGIN * 1e6 * write_unit_cost()
    assert sold.gigabyte_month * MICRO >= MARGIN * stored_gigabyte_cost()
    assert deployed.COLD_GETS > 0


@pytest.mark.parametrize("name", list(PLANS.by_name))
def test_what_a_plan_includes_costs_less_than_it(name: str) -> None:
    """Even for who uses all of it; and who pays nothing costs little, and can cost no more."""
    plan = PLANS.of(name)
    cost = (
        plan.included.read_units * read_unit_cost()
        + plan.included.write_units * write_unit_cost()
        + plan.included.storage_bytes / 1e9 * stored_gigabyte_cost()
    )
    if plan.month_micro_dollars:
        assert plan.month_micro_dollars * MICRO >= MARGIN * cost
    else:
        assert cost <= FREE_MONTH_MAX
        assert not plan.overage
        assert plan.limits.storage_bytes is not None
        assert plan.limits.storage_bytes <= plan.included.storage_bytes


def test_a_dearer_plan_has_no_less() -> None:
    """Of anything."""
    plans = list(PLANS.by_name.values())
    assert [plan.name for plan in plans] == ["free", "pro", "business"]
    for less, more in pairwise(plans):
        assert less.features <= more.features
        for field in ("seats", "projects", "retention_days"):
            assert getattr(less, field) <= getattr(more, field)
        for field in ("read_units", "write_units", "storage_bytes"):
            assert getattr(less.included, field) < getattr(more.included, field)
        for field in GrantLimits.__dataclass_fields__:
            assert getattr(less.limits, field) <= getattr(more.limits, field)


def test_no_plan_allows_what_the_database_does_not() -> None:
    """Else a limit would never be the one that is reached."""
    for plan in PLANS.by_name.values():
        assert plan.limits.dimension is not None
        assert plan.limits.dimension <= DIMENSION_MAX
        assert plan.limits.top_k is not None
        assert plan.limits.top_k <= TOP_K_MAX
        assert plan.limits.namespaces is not None
        assert plan.limits.namespaces <= NAMESPACES_PER_TENANT_MAX


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("top_k = 100", "topk = 100", "versions[0].plans.free.limits.top_k"),
        ("top_k = 100\n", "", "versions[0].plans.free.limits.top_k"),
        ("burst = 40\n", "burst = 0\n", "versions[0].plans.free.limits.burst"),
        ("overage = false", "overage = 0", "versions[0].plans.free.overage"),
        ("seats = 10", 'seats = "10"', "versions[0].plans.free.seats"),
        ("read_units = 250_000", "read_units = 2.5", "versions[0].plans.free.included.read_units"),
        ("month_micro_dollars = 0", "month_micro_dollars = 990_000_000", "versions[0].plans"),
        ('from = "2026-11"', 'from = "2026-13"', "versions[0].from"),
        ('from = "2026-11"', 'form = "2026-11"', "versions[0].from"),
        ("[versions.prices]", "[versions.price]", "versions[0].plans"),
        ("[versions.prices]", "[versions.prices", "plans"),
        ("[[versions]]", "[[version]]", "plans"),
    ],
)
def test_a_plan_that_is_not_whole_is_refused(old: str, new: str, field: str) -> None:
    """With what is wrong: a limit that was mistyped must not become none."""
    text = PLAN_FILE.read_text("utf-8")
    assert old in text
    with pytest.raises(InvalidArgument) as refused:
        parse_plans(text.replace(old, new, 1))
    assert refused.value.field == field


def test_what_is_no_plan_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(InvalidArgument, match="'gold' is no plan") as refused:
        PLANS.of("gold")
    assert refused.value.hint == "Use one of: free, pro, business."


@pytest.mark.parametrize(("name", "rows"), [("plans", plan_rows(PLANS)), ("prices", price_rows(VERSIONS))])
def test_the_page_has_the_plans(name: str, rows: list[list[str]]) -> None:
    """As the file has them."""
    page = Path("docs/plans.md").read_text("utf-8")
    block = page.partition(f"<!-- computed: {name} -->\n")[2].partition("<!-- end -->")[0]
    header, *others = rows
    lines = [header, ["---"] * len(header), *others]
    assert block == "".join(f"| {' | '.join(line)} |\n" for line in lines)


def test_dollars_are_exact() -> None:
    """However small."""
    told = [dollars(amount) for amount in (0, 99_000_000, 1_234_500_000, 600_000, 12, 1_000_001)]
    assert told == ["$0", "$99", "$1,234.50", "$0.60", "$0.000012", "$1.000001"]
