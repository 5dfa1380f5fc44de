"""What was measured, one JSON file for each case: so that a run that was interrupted goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.growth.case import Case
from benchmarks.measured_page import table as markdown

Result = dict[str, Any]


def load(folder: Path, case: Case) -> Result | None:
    """The result of a case; None where it was not measured yet."""
    path = folder / f"{case.name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def store(folder: Path, case: Case, result: Result) -> None:
    """Keep a result."""
    unfinished = folder / f"{case.name}.unfinished"
    unfinished.write_text(json.dumps(result, indent=1))
    unfinished.replace(folder / f"{case.name}.json")


def table(results: Sequence[Result]) -> str:
    """All results as Markdown, a line each."""
    return markdown(HEADERS, [_cells(one) for one in results])


HEADERS = (
    "Rows",
    "Dimension",
    "Written, vectors/s",
    "Until in segments, vectors/s",
    "At rest after, s",
    "CPU, s",
    "Bytes a vector: vectors + records + opening + index",
    "First answer, ms",
    "Query p50 / p99, ms",
    "Queries a CPU second",
    "recall@10",
    "10 % filter p50, ms (recall)",
    "1 % filter p50, ms (recall)",
    "Building, peak: own, with mapped files, MB",
    "Serving: own + mapped, MB",
)


def _cells(result: Result) -> list[str]:
    rows, build, serve = result["rows"], result["build"], result["serve"]
    parts = {name: size / rows for name, size in build["segment_bytes"].items()}
    query = serve["query"]
    return [
        f"{rows:,}",
        str(result["dimension"]),
        f"{rows / build['acknowledged_seconds']:,.0f}",
        f"{rows / build['indexed_seconds']:,.0f}",
        f"{build['rest_seconds']:,.1f}",
        f"{build['cpu_seconds']:,.1f}",
        f"{' + '.join(f'{size:,.0f}' for size in parts.values())} = {sum(parts.values()):,.0f}",
        f"{serve['first_answer_ms']:,.0f}",
        f"{query['p50_ms']:.2f} / {query['p99_ms']:.2f}",
        f"{query['per_cpu_second']:,.0f}",
        f"{query['recall']:.3f}",
        *(f"{one['p50_ms']:.2f} ({one['recall']:.3f})" for one in serve["filtered"].values()),
        f"{build['peak_anonymous_bytes'] / 1e6:,.0f}, {build['peak_bytes'] / 1e6:,.0f}",
        f"{serve['anonymous_bytes'] / 1e6:,.0f} + {serve['file_bytes'] / 1e6:,.0f}",
    ]
