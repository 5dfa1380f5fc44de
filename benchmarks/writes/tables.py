"""What was measured of the write path, as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.measured_page import table

Line = Mapping[str, Any]
_PARTS_SHOWN = 6


def acknowledged(lines: Sequence[Line]) -> str:
    """A line for each size of batch, without and with an indexer beside it."""
    return table(
        ["Batch", "Indexer beside it", "Vectors/s", "Vectors/s of CPU", "p50, ms", "p99, ms"],
        [
            [
                f"{one['batch']:,} × {one['dimension']}",
                "yes" if one["indexer"] else "no",
                f"{one['per_second']:,.0f}",
                f"{one['cpu_per_second']:,.0f}",
                f"{one['p50_ms']:.1f}",
                f"{one['p99_ms']:.1f}",
            ]
            for one in lines
        ],
    )


def unindexed(lines: Sequence[Line]) -> str:
    """A line for each length of the tail."""
    return table(
        ["Records in the log", "p50, ms", "p99, ms", "CPU, ms"],
        [
            [
                f"{one['rows']:,} × {one['dimension']}",
                f"{one['p50_ms']:.2f}",
                f"{one['p99_ms']:.2f}",
                f"{one['cpu_ms']:.2f}",
            ]
            for one in lines
        ],
    )


def indexing(lines: Sequence[Line]) -> str:
    """A line for each rate."""
    return table(
        [
            "Written",
            "Records",
            "Indexed, vectors/s",
            "of CPU",
            "Most waiting",
            "Segments left",
            "Bytes put / left",
            "Where the time goes",
        ],
        [
            [
                "all before" if one["rate"] is None else f"{one['rate']:,}/s",
                f"{one['records']:,} × {one['dimension']}",
                f"{one['per_second']:,.0f}",
                f"{one['cpu_per_second']:,.0f}",
                f"{one['waiting_max']:,}",
                str(one["segments"]),
                f"{one['amplification']:.2f}",
                ", ".join(
                    f"{part} {100 * share:.0f} %" for part, share in list(one["where"].items())[:_PARTS_SHOWN]
                ),
            ]
            for one in lines
        ],
    )


TABLES: Mapping[str, Callable[[Sequence[Line]], str]] = {
    "acknowledged": acknowledged,
    "unindexed": unindexed,
    "indexing": indexing,
}
