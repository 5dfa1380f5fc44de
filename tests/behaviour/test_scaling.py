"""docs/scaling.md says what follows from the constants, and nothing else."""

from __future__ import annotations

import pytest

from benchmarks.costs import prices
from benchmarks.scaling import measured
from benchmarks.scaling.measured import Dimension
from benchmarks.scaling.page import PAGE, PLANS, blocks, renewed, tables
from benchmarks.scaling.plan import Plan, quantile_needed
from quartzdb.domain.limits import SHARDS_MAX
from quartzdb.maintenance.merging import SHARD_ROWS

ROUND = Dimension(98, code_bytes=100, records_bytes=700, build_seconds=100, query_ms=1.0)
"""200 + 100 + 700: a thousand bytes a vector."""


def test_the_page_has_the_tables_that_are_computed() -> None:
    """Whoever changes a constant or a price has to renew the page."""
    page = PAGE.read_text()
    assert sorted(blocks(page)) == sorted(tables())
    assert page == renewed(page), "run: python -m benchmarks.scaling"


def test_the_projects_own_limits_are_the_ones_in_force() -> None:
    """They are written down twice, because benchmarks of costs run without the database."""
    assert (measured.SEGMENT_ROWS_MAX, measured.SHARDS_MAX) == (SHARD_ROWS, SHARDS_MAX)


def test_functions_are_as_many_as_the_scarcest_of_their_means_demands() -> None:
    """By hand: 10,240 MiB of disk for a thousand bytes a vector; a third of as much memory for a hundred."""
    plan = Plan(ROUND, 100_000_000)
    assert plan.rows_by_disk == 10_737_418
    assert plan.rows_by_memory == 35_791_394
    assert plan.rows_in_memory == 3_579_139
    assert (plan.functions, plan.rows, plan.segments) == (10, 10_000_000, 10)
    assert plan.rows_by_run == 4_500_000, "450 seconds at a hundred a million"
    assert Plan(ROUND, 5_000).functions == 1


def test_what_all_functions_hold_is_everything() -> None:
    """No row is left over, however the numbers divide."""
    for plan in PLANS.values():
        assert plan.functions * plan.rows >= plan.vectors > (plan.functions - 1) * plan.rows
        assert plan.rows <= min(plan.rows_by_disk, plan.rows_by_memory)


def test_costs_are_those_of_each_request() -> None:
    """By hand: a million records of 98 dimensions, in ten thousand batches of 49,200 bytes that go to S3."""
    ingest = Plan(ROUND, 1_000_000).ingest
    assert ingest["S3 PUTs of bodies"] == pytest.approx(10_000 * 0.005 / 1_000)
    assert ingest["DynamoDB"] == pytest.approx(10_000 * (2 * 0.625 + 2 * 0.125) / 1e6)
    assert ingest["replaced segments, kept 35 days"] == pytest.approx(4 * 0.023)
    one = Plan(ROUND, 1_000_000)
    assert one.functions == 1
    function = prices.LAMBDA_REQUEST + 10 * 0.006 * prices.LAMBDA_GB_SECOND + prices.READ_UNIT
    asking = prices.LAMBDA_REQUEST + 0.021 * prices.LAMBDA_GB_SECOND
    assert one.million_searches == pytest.approx(1e6 * (function + asking))


def test_the_slowest_of_several_decides() -> None:
    """A search of one function is that function's; with ever more, the median moves into the tail."""
    assert quantile_needed(1, 0.5) == 0.5
    assert quantile_needed(10, 0.5) ** 10 == pytest.approx(0.5)
    assert quantile_needed(100, 0.5) > 0.99
