"""The figures that the calculators go by, from where they are said: plans.toml and docs/benchmarks/growth.json.

`python -m docsite.calculators` writes them into the site's scripts; a test fails where they are not what it writes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from docsite.results import read
from quartzdb_platform.plans.plan_file import load_plans

FIGURES = Path(__file__).parent / "static/calculators/figures.js"


def figures() -> str:
    """A module of JavaScript."""
    said = {"plans": _plans(), "growth": list(_growth("384-f32"))}
    made = json.dumps(said, indent=2, ensure_ascii=False)
    origin = "// Written by `python -m docsite.calculators` from plans.toml and docs/benchmarks/growth.json."
    return f"{origin}\nexport const FIGURES = {made};\n"


def _plans() -> dict[str, Any]:
    """The newest version's prices and plans."""
    newest = load_plans().versions[-1]
    named = ("title", "month_micro_dollars", "overage", "included", "limits")
    plans = {name: {one: asdict(plan)[one] for one in named} for name, plan in newest.by_name.items()}
    return {"from": newest.from_month, "prices": asdict(newest.prices), "plans": plans}


def _growth(table: str) -> Iterator[dict[str, float]]:
    """The rows of a table of docs/benchmarks/growth.json. Raises KeyError where it has none, or other columns."""
    header, *rows = read("growth").tables[table].rows
    column = {re.split(r"[,:(]", name)[0].strip(): place for place, name in enumerate(header)}
    for row in rows:
        p50, p99 = row[column["Query p50 / p99"]].split("/")
        # vectors + records + opening + index = together
        index = re.findall(r"[\d,]+", row[column["Bytes a vector"]])[3]
        yield {
            "rows": _number(row[column["Rows"]]),
            "dimension": _number(row[column["Dimension"]]),
            "p50": float(p50),
            "p99": float(p99),
            "queriesPerCpuSecond": _number(row[column["Queries a CPU second"]]),
            "indexBytes": _number(index),
        }


def _number(text: str) -> int:
    return int(text.replace(",", ""))


if __name__ == "__main__":
    FIGURES.write_text(figures(), "utf-8")
