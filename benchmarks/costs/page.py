"""The tables of docs/costs.md, computed; each stands in the page between two comments that name it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.costs import deployed, prices
from benchmarks.costs.months import Workload, at_rest, in_use, platform, second_site
from benchmarks.costs.operations import operation, operations
from benchmarks.costs.peers import PEERS

PAGE = Path(__file__).parents[2] / "docs" / "costs.md"
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
        "fronts": _fronts(),
        "storage": _storage(),
        "at-rest": _by_item(at_rest()),
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
    waf = prices.WAF_ACL_MONTH + prices.WAF_RULE_MONTH
    # One function in the place of two has the larger one's memory.
    larger = max(deployed.API_GB, deployed.SEARCH_GB)
    snapshot = min(deployed.API_GB, deployed.SEARCH_GB) * prices.MONTH_SECONDS * prices.SNAPSHOT_GB_SECOND
    alarms = deployed.EDGE_ALARM_METRICS * prices.ALARM_METRIC_MONTH

    def row(name: str, *, each: float, fee: float, put_gb: float = put.gb) -> list[str]:
        costs = (warm.total - each, replace(put, gb=put_gb).total - each)
        return [
            name,
            *(f"{cost * prices.MILLION:.2f}" for cost in costs),
            f"{sum(at_rest().values()) - fee:.2f}",
        ]

    each_of_both = prices.WAF_REQUEST + prices.CLOUDFRONT_REQUEST
    return _table(
        ["In front", "A million warm searches, $", "A million key-value puts, $", "At rest, $ a month"],
        [
            row("CloudFront and a web ACL, as it is by itself", each=0, fee=0),
            row("`waf_requests_per_5_minutes` empty: CloudFront alone", each=prices.WAF_REQUEST, fee=waf),
            row(
                "`cloudfront=false`: the function's own address",
                each=each_of_both,
                fee=waf + snapshot + alarms + prices.SECRET_MONTH,
                put_gb=larger,
            ),
        ],
    )


def _sensitivity() -> str:
    def ten_more(gb: float) -> str:
        return f"{gb * 0.010 * prices.LAMBDA_GB_SECOND * 1_000_000:.2f}"

    return _table(
        ["A million requests to", "Memory", "each 10 ms cost $"],
        [
            ["api", "1,024 MB", ten_more(deployed.API_GB)],
            ["search", "1,769 MB", ten_more(deployed.SEARCH_GB)],
            ["search, as `prod` sets it", "3,008 MB", ten_more(3_008 / 1_024)],
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
