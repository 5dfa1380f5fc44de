"""The figures that the calculators go by, from where they are said: plans.toml and the tables of docs/growth.md.

`python -m docsite.calculators` writes them into the site's scripts; a test fails where they are not what it writes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from quartzdb_platform.plans.plan_file import load_plans

ROOT = Path(__file__).resolve().parents[1]
FIGURES = Path(__file__).parent / "static/calculators/figures.js"
GROWTH = ROOT / "docs/growth.md"


def figures() -> str:
    """A module of JavaScript."""
    said = {"plans": _plans(), "growth": list(_growth("growth-384-f32"))}
    made = json.dumps(said, indent=2, ensure_ascii=False)
    origin = "// Written by `python -m docsite.calculators` from plans.toml and docs/growth.md."
    return f"{origin}\nexport const FIGURES = {made};\n"


def _plans() -> dict[str, Any]:
    """The newest version's prices and plans."""
    newest = load_plans().versions[-1]
    named = ("title", "month_micro_dollars", "overage", "included", "limits")
    plans = {name: {one: asdict(plan)[one] for one in named} for name, plan in newest.by_name.items()}
    return {"from": newest.from_month, "prices": asdict(newest.prices), "plans": plans}


def _growth(table: str) -> Iterator[dict[str, float]]:
    """The rows of a measured table. Raises ValueError where it is not there or has other columns."""
    text = GROWTH.read_text("utf-8")
    found = re.search(rf"<!-- measured: {table} -->\n(.*?)<!-- end -->", text, re.DOTALL)
    if found is None:
        raise ValueError(f"{GROWTH} has no table {table}.")
    header, _, *rows = [
        [cell.strip() for cell in line.strip("|\n ").split("|")] for line in found[1].splitlines()
    ]
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
