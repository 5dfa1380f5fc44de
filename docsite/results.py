"""Results of measurements: one file each, `docs/benchmarks/NAME.json`, from which pages have their tables and figures.

A file says when (`measured`), by which command (`with`) and under which `conditions` it was measured; `tables` have
rows of cells as they are shown, the head first; `figures` are what pages quote: a cell of a table, or what is in none.

`python -m docsite.results put NAME/TABLE < table.md` puts a table that a benchmark printed into its file.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"
FOLDER = DOCS / "benchmarks"
Row = tuple[str, ...]


class NoResult(LookupError):
    """What is asked for is in no file; the message says what there is."""


@dataclass(frozen=True, slots=True)
class Table:
    """`rows`: the head, then the others. `aligned`: the line below the head. `below`: what stands under the table."""

    rows: tuple[Row, ...]
    aligned: Row
    below: str = ""

    def markdown(self) -> str:
        """As a page has it."""
        head, *others = self.rows
        lines = [f"| {' | '.join(row)} |" for row in (head, self.aligned, *others)]
        return "\n".join(lines) + "\n" + (f"\n{self.below}\n" if self.below else "")


@dataclass(frozen=True, slots=True)
class Result:
    """One file. `figures` are as written there: docsite/figures.py reads them."""

    measured: str = ""
    command: str = ""
    conditions: str = ""
    tables: Mapping[str, Table] = field(default_factory=dict)
    figures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tables_of: str = ""
    """The page into which a program computes the tables; then the file has none."""


def names() -> list[str]:
    """Of all results."""
    return sorted(one.stem for one in FOLDER.glob("*.json"))


def read(name: str) -> Result:
    """Raises NoResult."""
    file = FOLDER / f"{name}.json"
    if not file.is_file():
        raise NoResult(f"There is no docs/benchmarks/{name}.json. There are: {', '.join(names())}")
    found = json.loads(file.read_text("utf-8"))
    tables = {key: _table(value) for key, value in found.get("tables", {}).items()}
    page = found.get("tables_of", "")
    if page:
        tables = dict(computed((DOCS / page).read_text("utf-8")))
    return Result(
        found.get("measured", ""),
        found.get("with", ""),
        found.get("conditions", ""),
        tables,
        found.get("figures", {}),
        page,
    )


def write(name: str, result: Result) -> None:
    """One row on a line, so that changes can be looked at."""

    def block(entries: Mapping[str, str]) -> str:
        lines = ",\n".join(
            f"  {json.dumps(key, ensure_ascii=False)}: {value}" for key, value in entries.items()
        )
        return f"{{\n{lines}\n }}" if entries else "{}"

    parts = {
        "measured": _json(result.measured),
        "with": _json(result.command),
        "conditions": _json(result.conditions),
        "tables": block({key: _rows(value) for key, value in result.tables.items()}),
        "figures": block({key: _json(value) for key, value in result.figures.items()}),
    }
    text = ",\n".join(f' "{key}": {value}' for key, value in parts.items())
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(f"{{\n{text}\n}}\n", "utf-8")


def put(
    name: str, tables: Mapping[str, Table], *, measured: str = "", command: str = "", conditions: str = ""
) -> None:
    """Put tables into a result; others stay, and so does what is said of when and how unless it is given."""
    before = read(name) if name in names() else Result()
    if before.tables_of:
        raise ValueError(f"The tables of {name} are computed into docs/{before.tables_of}.")
    write(
        name,
        replace(
            before,
            measured=measured or before.measured,
            command=command or before.command,
            conditions=conditions or before.conditions,
            tables={**before.tables, **tables},
        ),
    )


def parsed(markdown: str) -> Table:
    """The table that Markdown begins with, and what stands below it. Raises ValueError where there is none."""
    lines = markdown.strip().splitlines()
    count = next((n for n, line in enumerate(lines) if not line.startswith("|")), len(lines))
    if count < 3 or not re.fullmatch(r"[|:\- ]+", lines[1]):
        raise ValueError("A table begins with a line of names, a line of | --- |, and has a row at least.")
    head, aligned, *others = (_cells(line) for line in lines[:count])
    if wrong := [row for row in others if len(row) != len(head)]:
        raise ValueError(f"A row has {len(wrong[0])} cells and the head {len(head)}: {' | '.join(wrong[0])}")
    return Table((head, *others), aligned, "\n".join(lines[count:]).strip())


def by_heading(markdown: str) -> dict[str, Table]:
    """Every table of a text, by the heading above it: in lower case with hyphens, numbered where there are more."""
    found: dict[str, Table] = {}
    heading = ""
    for piece in re.split(r"\n(?=#{1,6} )|\n{2,}", markdown):
        if title := re.match(r"(?:#{1,6} (.+)|\*\*([^*]+)\*\*)$", piece.strip()):
            heading = re.sub(r"[^a-z0-9.]+", "-", (title[1] or title[2]).lower()).strip("-")
        start = piece.find("|") if piece.lstrip().startswith("|") else -1
        if start >= 0:
            number = sum(re.fullmatch(rf"{re.escape(heading)}(-\d+)?", key) is not None for key in found)
            found[heading if not number else f"{heading}-{number + 1}"] = parsed(piece)
    return found


def computed(page: str) -> Mapping[str, Table]:
    """The tables that a program computes into a page, by the name in their mark."""
    blocks = re.findall(r"<!-- computed: ([a-z0-9-]+) -->\n(.*?)<!-- end -->", page, re.DOTALL)
    return {name: parsed(text) for name, text in blocks}


def _cells(line: str) -> Row:
    return tuple(cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|"))


def _table(value: Mapping[str, Any]) -> Table:
    rows = tuple(tuple(row) for row in value["rows"])
    return Table(rows, tuple(value.get("aligned") or ["---"] * len(rows[0])), value.get("below", ""))


def _rows(table: Table) -> str:
    parts = ['"rows": [\n' + ",\n".join(f"    {_json(row)}" for row in table.rows) + "\n   ]"]
    if set(table.aligned) != {"---"}:
        parts.append(f'"aligned": {_json(table.aligned)}')
    if table.below:
        parts.append(f'"below": {_json(table.below)}')
    return "{" + ",\n   ".join(parts) + "}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m docsite.results", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("do", choices=["put"])
    parser.add_argument("table", help="NAME/TABLE: docs/benchmarks/NAME.json, and the table in it")
    parser.add_argument("--measured", default="", help="the date, as 2026-11-30")
    parser.add_argument("--with", dest="command", default="", help="the command that measured it")
    parser.add_argument("--conditions", default="", help="machine, versions, what else was running")
    parser.add_argument(
        "--file", type=Path, help="Markdown that begins with the table (default: standard input)"
    )
    given = parser.parse_args(arguments)
    name, _, table = given.table.partition("/")
    if not table:
        parser.error("say which table: NAME/TABLE")
    text = given.file.read_text("utf-8") if given.file else sys.stdin.read()
    try:
        put(
            name, {table: parsed(text)},
            measured=given.measured, command=given.command, conditions=given.conditions,
        )  # fmt: skip
    except (NoResult, ValueError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
