"""The tables of docs/scaling.md, computed; each stands in the page between two comments that name it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.scaling.measured import DIMENSIONS
from benchmarks.scaling.plan import Plan, quantile_needed

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"
_BLOCK = re.compile(r"(<!-- computed: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
PLANS = {
    f"{vectors // 10**6:,}M × {dimension}": Plan(DIMENSIONS[dimension], vectors)
    for vectors in (100_000_000, 1_000_000_000)
    for dimension in DIMENSIONS
}
FAN_OUTS = (1, 4, 10, 20, 100, 200)


def tables() -> Mapping[str, str]:
    """Each table by its name."""
    return {
        "constants": _constants(),
        "functions": _functions(),
        "costs": _costs(),
        "latency": _latency(),
        "slowest": _slowest(),
    }


def renewed(page: str) -> str:
    """The page with its tables as they are now. Raises KeyError for a block that no table is for."""
    computed = tables()
    return _BLOCK.sub(lambda block: block[1] + computed[block["name"]] + block[3], page)


def blocks(page: str) -> Sequence[str]:
    """The names of the blocks in the page."""
    return [block["name"] for block in _BLOCK.finditer(page)]


def _constants() -> str:
    kinds = DIMENSIONS.values()
    return _table(
        ["Of a segment of a million vectors, f16", *(f"{kind.dimension}-d" for kind in kinds)],
        [
            ["vectors and their lengths, bytes each", *(f"{kind.vector_bytes:,}" for kind in kinds)],
            ["codes, bytes each", *(f"{kind.code_bytes:,.0f}" for kind in kinds)],
            [
                "records and their index of fields, bytes each",
                *(f"{kind.records_bytes:,.0f}" for kind in kinds),
            ],
            ["together", *(f"{kind.bytes:,.0f}" for kind in kinds)],
            ["building it, seconds of one core", *(f"{kind.build_seconds:,.0f}" for kind in kinds)],
            ["searching it, ms of one core", *(f"{kind.query_ms:.1f}" for kind in kinds)],
        ],
    )


def _functions() -> str:
    def millions(rows: Callable[[Plan], int]) -> list[str]:
        return [f"{rows(plan) / 10**6:,.1f}M" for plan in PLANS.values()]

    return _table(
        ["", *PLANS],
        [
            ["rows whose codes fit in memory", *millions(lambda plan: plan.rows_by_memory)],
            ["rows that fit in memory whole", *millions(lambda plan: plan.rows_in_memory)],
            ["rows that fit on the disk whole", *millions(lambda plan: plan.rows_by_disk)],
            ["rows that one run can build", *millions(lambda plan: plan.rows_by_run)],
            ["**functions**", *(f"**{plan.functions}**" for plan in PLANS.values())],
            ["rows of each", *millions(lambda plan: plan.rows)],
            ["segments of each", *(str(plan.segments) for plan in PLANS.values())],
        ],
    )


def _costs() -> str:
    ingests = [plan.ingest for plan in PLANS.values()]
    return _table(
        ["$", *PLANS],
        [
            ["stored, GB", *(f"{plan.stored_gb:,.0f}" for plan in PLANS.values())],
            ["stored, a month", *(f"{plan.stored_month:,.0f}" for plan in PLANS.values())],
            *([f"written once: {name}", *(f"{one[name]:,.0f}" for one in ingests)] for name in ingests[0]),
            ["**written once, together**", *(f"**{sum(one.values()):,.0f}**" for one in ingests)],
            [
                "**a million warm searches**",
                *(f"**{plan.million_searches:,.0f}**" for plan in PLANS.values()),
            ],
            [
                "S3 on top, where vectors are not at hand",
                *(f"{plan.million_searches_fetching:,.0f}" for plan in PLANS.values()),
            ],
        ],
    )


def _latency() -> str:
    plans = PLANS.values()
    return _table(
        ["", *PLANS],
        [
            ["one function computes, on one core, ms", *(f"{plan.search_ms:.0f}" for plan in plans)],
            ["the same over its cores, ms", *(f"{plan.parallel_ms:.0f}" for plan in plans)],
            ["a warm search, ms", *(f"{plan.answer_ms:.0f}" for plan in plans)],
            ["searches that meet a cold function", *(f"{100 * plan.any_cold:.1f} %" for plan in plans)],
            ["each function fetches when cold, MB", *(f"{plan.cold_mb:,.0f}" for plan in plans)],
            ["the first answer of a cold namespace, s", *(f"{plan.cold_seconds:.1f}" for plan in plans)],
        ],
    )


def _slowest() -> str:
    def percent(share: float) -> str:
        return f"p{100 * share:.2f}".rstrip("0").rstrip(".")

    return _table(
        ["Functions", "its p50 is the single one's", "its p99 is the single one's"],
        [
            [str(count), percent(quantile_needed(count, 0.5)), percent(quantile_needed(count, 0.99))]
            for count in FAN_OUTS
        ],
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
