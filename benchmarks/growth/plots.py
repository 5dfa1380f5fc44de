"""Draws growth curves from kept results: `python -m benchmarks.growth.plots build/growth/*.json --out docs/benchmarks`.

Runs in the environment that has matplotlib (`.venv-peers`), and imports nothing of the database.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

Result = dict[str, Any]
MB = 1_000_000


def panels() -> Sequence[tuple[str, Sequence[tuple[str, Callable[[Result], float]]]]]:
    """(title, lines) of each panel; a line is a label and what is drawn of a result."""
    return (
        (
            "Query, ms",
            (
                ("p50", lambda one: one["serve"]["query"]["p50_ms"]),
                ("p99", lambda one: one["serve"]["query"]["p99_ms"]),
                ("CPU", lambda one: one["serve"]["query"]["cpu_ms"]),
            ),
        ),
        (
            "Filtered query, p50, ms",
            (
                ("10 % allowed", lambda one: one["serve"]["filtered"]["10 %"]["p50_ms"]),
                ("1 % allowed", lambda one: one["serve"]["filtered"]["1 %"]["p50_ms"]),
            ),
        ),
        (
            "First answer of a fresh process, ms",
            (("pages in memory", lambda one: one["serve"]["first_answer_ms"]),),
        ),
        (
            "From the first write, s",
            (
                ("all acknowledged", lambda one: one["build"]["acknowledged_seconds"]),
                ("all in segments", lambda one: one["build"]["indexed_seconds"]),
                ("merged and at rest", lambda one: one["build"]["rest_seconds"]),
                ("CPU", lambda one: one["build"]["cpu_seconds"]),
            ),
        ),
        (
            "Memory, MB",
            (
                ("building, peak, its own", lambda one: one["build"]["peak_anonymous_bytes"] / MB),
                ("building, peak, with mapped files", lambda one: one["build"]["peak_bytes"] / MB),
                ("serving, its own", lambda one: one["serve"]["anonymous_bytes"] / MB),
                ("serving, mapped files", lambda one: one["serve"]["file_bytes"] / MB),
            ),
        ),
        (
            "Segment bytes a vector",
            (
                ("vectors", lambda one: one["build"]["segment_bytes"]["vectors"] / one["rows"]),
                ("records", lambda one: one["build"]["segment_bytes"]["records"] / one["rows"]),
                ("opening", lambda one: one["build"]["segment_bytes"]["opening"] / one["rows"]),
                ("index", lambda one: one["build"]["segment_bytes"]["index"] / one["rows"]),
            ),
        ),
    )


def draw(results: Sequence[Result], path: Path) -> None:
    """One figure of all panels; lines of further dimensions are dashed."""
    # Ids and dates would make every drawing of the same results another file.
    mpl.rcParams.update({"svg.hashsalt": "growth", "font.size": 9, "axes.spines.top": False})
    mpl.rcParams.update({"axes.spines.right": False, "svg.fonttype": "none"})
    figure, axes = plt.subplots(2, 3, figsize=(13, 7.5), layout="constrained")
    dimensions = sorted({one["dimension"] for one in results})
    for axis, (title, lines) in zip(axes.flat, panels(), strict=True):
        for style, dimension in zip(("-", "--", ":"), dimensions, strict=False):
            some = sorted(
                (one for one in results if one["dimension"] == dimension), key=lambda one: one["rows"]
            )
            for number, (label, value) in enumerate(lines):
                axis.plot(
                    [one["rows"] for one in some],
                    # Nothing at all has no place on a logarithmic axis.
                    [value(one) or None for one in some],
                    style,
                    marker="o",
                    markersize=3,
                    color=f"C{number}",
                    label=label if len(dimensions) == 1 else f"{label}, {dimension}-d",
                )
        axis.set(xscale="log", yscale="log", title=title, xlabel="records")
        axis.grid(visible=True, which="major", alpha=0.3)
        axis.legend(frameon=False)
    figure.savefig(path, format="svg", metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    """Draw one figure for each engine and precision among the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth.plots", description=__doc__)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    groups: dict[str, list[Result]] = {}
    for path in given.results:
        one = json.loads(path.read_text())
        groups.setdefault(f"growth-{one['engine']}-{one['precision']}", []).append(one)
    for name, some in groups.items():
        draw(some, given.out / f"{name}.svg")
        print(given.out / f"{name}.svg")


if __name__ == "__main__":
    main()
