"""The cost of a million of each operation: units as docs/costs-per-operation.md has them, times prices.

That page is asserted by tests against emulators, so what is computed here follows the code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.costs import deployed, prices
from benchmarks.costs.cold import SEARCHES, started

PAGE = Path(__file__).parents[2] / "docs" / "costs-per-operation.md"
_READS = {"GetItem", "Query", "BatchGetItem"}
_ROW = re.compile(r"^\| (?P<name>[^|]+) \| (?P<requests>[^|]+) \| (?P<units>[^|]+) \| (?P<s3>[^|]+) \|$")
_BYTES_IN_GB = 10**9
_UNITS = re.compile(r"(\w+) (\d+)")


@dataclass(frozen=True, slots=True)
class Operation:
    """What one costs in units. `trimmed` are write units that removing its log entry costs later."""

    name: str
    reads: int
    writes: int
    trimmed: int
    puts: int
    gets: int
    gb: float
    milliseconds: float
    over_http: bool
    looks_up: bool
    starts: bool = False

    @property
    def table(self) -> float:
        """DynamoDB. Over HTTP a look-up of the namespace comes first; a search remembers it for a minute."""
        reads = self.reads + (1 if self.looks_up else 0)
        return reads * prices.READ_UNIT + (self.writes + self.trimmed) * prices.WRITE_UNIT

    @property
    def bucket(self) -> float:
        """S3."""
        return self.puts * prices.S3_PUT + self.gets * prices.S3_GET

    @property
    def function(self) -> float:
        """Lambda: the request, its GB-seconds, and a start from a snapshot where it is one."""
        if not self.over_http:
            return 0.0
        duration = self.gb * self.milliseconds / 1_000 * prices.LAMBDA_GB_SECOND
        start = started(round(self.gb * 1_024), snapshot=True) if self.starts else 0.0
        return prices.LAMBDA_REQUEST + duration + start

    @property
    def edge(self) -> float:
        """CloudFront and WAF, as a deployment has both where it says nothing."""
        return prices.CLOUDFRONT_REQUEST + prices.WAF_REQUEST if self.over_http else 0.0

    @property
    def watching(self) -> float:
        """Logs."""
        return deployed.LOG_BYTES_A_REQUEST / _BYTES_IN_GB * prices.LOG_GB if self.over_http else 0.0

    @property
    def total(self) -> float:
        """One operation, in dollars."""
        return self.table + self.bucket + self.function + self.edge + self.watching


def operations(page: str | None = None) -> Sequence[Operation]:
    """Every row of the page, in its order. Raises ValueError where there is none."""
    rows = [_ROW.match(line) for line in (page or PAGE.read_text()).splitlines()]
    found = [
        _operation(row["name"].strip(), row["units"], row["s3"])
        for row in rows
        if row and _UNITS.search(row["units"])
    ]
    if not found:
        raise ValueError(f"{PAGE} has no table of operations")
    return found


def operation(name: str) -> Operation:
    """One row. Raises StopIteration where there is none of the name."""
    return next(one for one in operations() if one.name == name)


def _operation(name: str, units: str, s3: str) -> Operation:
    counted = [(request, int(count)) for request, count in _UNITS.findall(units)]
    reads = sum(count for request, count in counted if request in _READS)
    writes = sum(count for request, count in counted if request not in _READS)
    to_log = name.startswith(("upsert", "delete of"))
    cold = name.startswith("cold search")
    searches = "search" in name
    over_http = not name.startswith(("namespace look-up", "claim"))
    puts = re.search(r"^ *PUT (\d+)", s3)
    return Operation(
        name=name,
        reads=reads,
        writes=writes,
        # Trimming pays for each entry that it deletes as much as a put of it, which is half of what a transaction pays.
        trimmed=(writes // 2 if "TransactWriteItems" in units else writes) if to_log else 0,
        puts=int(puts[1]) if puts else 0,
        gets=deployed.COLD_GETS if cold else 0,
        gb=deployed.SEARCH_GB if searches else deployed.API_GB,
        milliseconds=(
            SEARCHES[0].milliseconds(round(deployed.SEARCH_GB * 1_024))
            if cold
            else deployed.SEARCH_MS
            if searches
            else deployed.API_MS
        ),
        over_http=over_http,
        looks_up=over_http and not searches,
        starts=cold,
    )
