"""The calculators of the site: pure functions of JavaScript, held to what they say they go by."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.costs.months import Workload
from benchmarks.costs.peers import PEERS
from docsite.calculators import FIGURES, figures

RUNNER = Path(__file__).parent / "calculators.mjs"
MONTH = {
    "records": 1_000_000,
    "dimension": 384,
    "metadataBytes": 200,
    "queries": 1_000_000,
    "writes": 1_000_000,
}
SAID = json.loads(figures().split("FIGURES = ")[1].rstrip(";\n"))

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")


def calculated(*calls: tuple[str, str, Sequence[Any]]) -> list[Any]:
    """What each call of (module, function, arguments) gives."""
    asked = [{"module": module, "call": call, "arguments": values} for module, call, values in calls]
    ran = subprocess.run(
        ["node", str(RUNNER)], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    given: list[Any] = json.loads(ran.stdout)
    return given


def plan(offers: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """The offer of a plan."""
    return next(offer for offer in offers if offer["name"] == name)


def test_the_figures_are_those_of_the_plans_and_of_what_was_measured() -> None:
    """`python -m docsite.calculators` writes them anew."""
    assert FIGURES.read_text("utf-8") == figures()
    assert SAID["growth"][0]["rows"] == 1_000
    assert SAID["growth"][-1]["rows"] == 1_000_000
    assert SAID["plans"]["plans"]["pro"]["month_micro_dollars"] == 99_000_000


def test_others_cost_what_the_page_about_costs_says() -> None:
    """Over sizes, dimensions and uses on both sides of each minimum."""
    months = [
        {**MONTH, "records": records, "dimension": dimension, "queries": queries, "writes": writes}
        for records, dimension, queries, writes in itertools.product(
            (0, 90_000, 1_000_000, 10_000_000), (3, 384, 1_536), (0, 1_000_000), (0, 5_000_000)
        )
    ]
    for month, found in zip(months, calculated(*[("price", "others", [m]) for m in months]), strict=True):
        work = Workload(
            month["records"],
            queries=month["queries"],
            writes=month["writes"],
            dimension=month["dimension"],
            metadata_bytes=month["metadataBytes"],
        )
        assert found == {name: pytest.approx(price(work)) for name, price in PEERS.items()}


def test_a_plan_costs_its_month_and_what_is_beyond_it() -> None:
    """Records of 1,736 bytes are two units each to write."""
    offers, quiet, large = calculated(
        ("price", "plans", [SAID["plans"], MONTH]),
        ("price", "plans", [SAID["plans"], {**MONTH, "records": 1_000, "queries": 9, "writes": 9}]),
        ("price", "plans", [SAID["plans"], {**MONTH, "queries": 30_000_000, "dimension": 4_096}]),
    )
    assert plan(offers, "free")["dollars"] is None
    assert "250,000" in plan(offers, "free")["why"]
    assert plan(offers, "pro")["dollars"] == pytest.approx(99)
    assert plan(quiet, "free")["dollars"] == 0
    parts = plan(large, "pro")["parts"]
    assert parts["reads"] == pytest.approx(27 * 12)
    assert parts["writes"] == pytest.approx((1_000_000 * 17 - 4_000_000) / 1e6 * 8)
    assert parts["storage"] == pytest.approx(0)
    assert "dimensions" in plan(large, "free")["why"]


def test_the_plan_to_take_is_the_cheapest_that_takes_the_month() -> None:
    """Business where much is read, none where no plan takes it."""
    few = [{"name": "a", "dollars": None}, {"name": "b", "dollars": 3}, {"name": "c", "dollars": 2}]
    best, none = calculated(("price", "cheapest", [few]), ("price", "cheapest", [few[:1]]))
    assert (best["name"], none) == ("c", None)


def test_capacity_is_what_was_measured_and_says_nothing_beyond() -> None:
    """At a point it is the point; between two it is between them."""
    growth = SAID["growth"]
    asked = {"records": 100_000, "dimension": 384, "metadataBytes": 100, "precision": "f32"}
    here, between, beyond, wide, held, half, busy = calculated(
        ("capacity", "latency", [growth, asked]),
        ("capacity", "latency", [growth, {**asked, "records": 200_000}]),
        ("capacity", "latency", [growth, {**asked, "records": 2_000_000}]),
        ("capacity", "latency", [growth, {**asked, "dimension": 768}]),
        ("capacity", "disk", [growth, asked]),
        ("capacity", "disk", [growth, {**asked, "precision": "f16"}]),
        ("capacity", "cores", [growth, {**asked, "queriesPerSecond": 10_000}]),
    )
    point, after = growth[4], growth[5]
    assert here == {name: point[name] for name in ("p50", "p99", "queriesPerCpuSecond")}
    assert point["p50"] < between["p50"] < after["p50"]
    assert beyond is None
    assert wide is None
    assert held["vectors"] == 100_000 * 1_540
    assert half["vectors"] == 100_000 * 772
    assert held["together"] == held["vectors"] + held["records"] + held["index"]
    assert busy == -(-10_000 // (point["queriesPerCpuSecond"] * 0.7))


def test_what_moving_returns() -> None:
    """Months until it is back, never where it costs more, at once where it costs nothing."""
    asked = {
        "billNow": 500,
        "billHere": 100,
        "hoursNow": 10,
        "hoursHere": 5,
        "hourCosts": 80,
        "hoursToMove": 20,
    }
    pays, never, free = calculated(
        ("roi", "roi", [asked]),
        ("roi", "roi", [{**asked, "billNow": 0, "hoursNow": 0}]),
        ("roi", "roi", [{**asked, "hoursToMove": 0}]),
    )
    assert pays == {"monthly": 800, "once": 1_600, "paybackMonths": 2, "firstYear": 8_000, "returned": 5}
    assert never["paybackMonths"] is None
    assert (free["paybackMonths"], free["returned"]) == (0, None)
