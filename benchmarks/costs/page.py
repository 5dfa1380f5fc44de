"""The tables of docs/costs.md and of memory in docs/cold-start.md, computed; each stands between two comments that name
it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.costs import deployed, prices
from benchmarks.costs.cold import MEMORIES_MB, PROCESSOR_MB, SEARCHES, cold_function, kept, stretched
from benchmarks.costs.months import Workload, at_rest, in_use, platform, second_site
from benchmarks.costs.operations import Operation, operation, operations
from benchmarks.costs.peers import PEERS

_DOCS = Path(__file__).parents[2] / "docs"
PAGE = _DOCS / "costs.md"
PAGES = (PAGE, _DOCS / "cold-start.md")
_BLOCK = re.compile(r"(<!-- computed: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
WORKLOADS = {
    "1M × 384": Workload(1_000_000),
    "10M × 384": Workload(10_000_000, search_ms=40, search_gb=3_008 / 1_024),
}


def tables() -> Mapping[str, str]:
    """Each table by its name."""
    return {
        "operations": _operations(),
        "sensitivity": _sensitivity(),
        "memory": _memory(),
        "fronts": _fronts(),
        "storage": _storage(),
        "at-rest": _at_rest(),
        "second-site": _by_item(second_site()),
        "platform": _by_item(platform()),
        "months": _months(),
        "peers": _peers(),
    }


def renewed(page: str) -> str:
    """The page with its tables as they are now. Raises KeyError for a block that no table is for."""
    computed = tables()
    return _BLOCK.sub(lambda block: block[1] + computed[block["name"]] + block[3], page)


def blocks(page: str) -> Sequence[str]:
    """The names of the blocks in the page."""
    return [block["name"] for block in _BLOCK.finditer(page)]


def _operations() -> str:
    rows = [
        [
            one.name,
            *(
                f"{part * 1_000_000:.2f}"
                for part in (one.table, one.bucket, one.function, one.edge, one.watching)
            ),
            f"**{one.total * 1_000_000:.2f}**",
        ]
        for one in operations()
    ]
    return _table(["A million of", "DynamoDB", "S3", "Lambda", "CloudFront, WAF", "log", "$"], rows)


def _fronts() -> str:
    warm, put = operation("warm search, small tail"), operation("key-value put, new key")
    # One function in the place of two has the larger one's memory.
    alone = replace(put, gb=max(deployed.API_GB, deployed.SEARCH_GB))

    def row(name: str, put: Operation, saved: float, rest: Mapping[str, float]) -> list[str]:
        costs = [f"{(one.total - saved) * prices.MILLION:.2f}" for one in (warm, put)]
        return [name, *costs, f"{sum(rest.values()):.2f}"]

    both = prices.WAF_REQUEST + prices.CLOUDFRONT_REQUEST
    limited = "`waf_requests_per_5_minutes` empty: CloudFront alone"
    return _table(
        ["In front", "A million warm searches, $", "A million key-value puts, $", "At rest, $ a month"],
        [
            row("CloudFront and a web ACL, as it is by itself", put, 0, at_rest()),
            row(limited, put, prices.WAF_REQUEST, at_rest(waf=False)),
            row("`cloudfront=false`: the function's own address", alone, both, at_rest(cloudfront=False)),
        ],
    )


def _at_rest() -> str:
    columns = {
        "by itself": at_rest(),
        "no web ACL": at_rest(waf=False),
        "no CloudFront": at_rest(cloudfront=False),
        "nor SnapStart": at_rest(cloudfront=False, snapstart=False),
    }
    names = list(at_rest())
    rows = [[name, *(f"{column[name]:.2f}" for column in columns.values())] for name in names]
    together = ["**together**", *(f"**{sum(column.values()):.2f}**" for column in columns.values())]
    return _table(["$ a month", *columns], [*rows, together])


def _memory() -> str:
    """What a memory makes of a cold search: its time at both sizes, and dollars."""

    def row(memory_mb: int) -> list[str]:
        few, many = (search.milliseconds(memory_mb) for search in SEARCHES)
        million = [cold_function(memory_mb, snapshot=snapshot) * prices.MILLION for snapshot in (True, False)]
        return [
            f"{memory_mb:,}" + (" (set)" if memory_mb == deployed.SEARCH_GB * 1_024 else ""),
            f"{min(1.0, memory_mb / PROCESSOR_MB):.2f}",
            f"{few:.0f}",
            f"{many:.0f}",
            f"{million[0]:.0f}",
            f"{kept(memory_mb):.2f}",
            f"{stretched(deployed.INIT_MS, memory_mb):.0f}",
            f"{million[1]:.0f}",
        ]

    return _table(
        [
            "MB",
            "Processors",
            "First answer at 100,000 rows, ms",
            "at 1,000,000, ms",
            "Lambda, $ a million cold searches",
            "Snapshot kept, $ a month",
            "Without a snapshot: ms more",
            "and $ a million",
        ],
        [row(memory_mb) for memory_mb in MEMORIES_MB],
    )


def _sensitivity() -> str:
    def row(what: str, gb: float) -> list[str]:
        more = gb * 0.010 * prices.LAMBDA_GB_SECOND * prices.MILLION
        return [what, f"{gb * 1_024:,.0f} MB", f"{more:.2f}"]

    return _table(
        ["A million requests to", "Memory", "each 10 ms cost $"],
        [
            row("api", deployed.API_GB),
            row("search", deployed.SEARCH_GB),
            row("search, with one processor", PROCESSOR_MB / 1_024),
        ],
    )


def _storage() -> str:
    vector = deployed.BYTES_A_VECTOR_384
    table = prices.TABLE_GB_MONTH + prices.RECOVERY_GB_MONTH
    return _table(
        ["A GB-month of", "How", "$"],
        [
            ["segments, large values (S3)", f"{prices.BUCKET_GB_MONTH}", f"{prices.BUCKET_GB_MONTH:.3f}"],
            [
                "the same, superseded within 35 days",
                "versions cost what objects cost",
                f"{prices.BUCKET_GB_MONTH:.3f}",
            ],
            [
                "log entries, key-values, catalog (DynamoDB)",
                f"{prices.TABLE_GB_MONTH} stored + {prices.RECOVERY_GB_MONTH} point-in-time recovery",
                f"{table:.2f}",
            ],
            [
                "a million vectors of 384 dimensions, f32",
                f"{vector:,} bytes each = {vector / 1_000:.2f} GB × {prices.BUCKET_GB_MONTH}",
                f"{vector / 1_000 * prices.BUCKET_GB_MONTH:.3f}",
            ],
            ["restoring the table, once", "a GB", f"{prices.RESTORED_GB:.2f}"],
        ],
    )


def _by_item(items: Mapping[str, float]) -> str:
    rows = [[name, f"{amount:.2f}"] for name, amount in items.items()]
    return _table(["Item", "$ a month"], [*rows, ["**together**", f"**{sum(items.values()):.2f}**"]])


def _months() -> str:
    months = {name: in_use(work) for name, work in WORKLOADS.items()}
    names = list(next(iter(months.values())))
    rows = [[name, *(f"{month[name]:.2f}" for month in months.values())] for name in names]
    together = ["**together**", *(f"**{sum(month.values()):.2f}**" for month in months.values())]
    return _table(["$ a month", *months], [*rows, together])


def _peers() -> str:
    own = ["QuartzDB on AWS", *(f"{sum(in_use(work).values()):.0f}" for work in WORKLOADS.values())]
    rows = [[name, *(f"{cost(work):.0f}" for work in WORKLOADS.values())] for name, cost in PEERS.items()]
    return _table(["$ a month", *WORKLOADS], [own, *rows, ["Qdrant Cloud", "no list price", "no list price"]])


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
