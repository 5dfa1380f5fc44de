"""Tables and figures of pages are those of the results of measurements, docs/benchmarks/NAME.json, and of no other."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from benchmarks.costs import deployed
from benchmarks.scaling.measured import COLD_MS_MILLION, DIMENSIONS
from docsite import figures, results
from docsite.figures import Quote, as_shown, blocks, fits, is_above, quotes, renewed, value_of, without_blocks
from docsite.links import file_of, links, prose
from docsite.results import NoResult, Result, Table, by_heading, parsed
from docsite.sources import DOCS, written

PAGES = written()
RACES = DOCS / "benchmarks.md"
"""Written by its benchmark between two marks, with the same tables as docs/benchmarks/peers.json."""
SETTINGS = {
    *map(Decimal, (128, 384, 512, 768, 1024, 1536, 3008, 4096, 6144)),
    *map(Decimal, ("0.95", "0.98", "0.99", "1.3")),
}
"""Numbers that are settings and bars and no results, though tables have them."""


def owners() -> dict[Path, set[str]]:
    """Pages with tables of results, and of which."""
    found = {page: {name for name, _ in blocks(page.read_text("utf-8"))} for page in PAGES.values()}
    found[RACES].add("peers")
    return {page: of for page, of in found.items() if of}


OWNERS = owners()


@pytest.mark.parametrize(
    "name", [name for name, file in PAGES.items() if "<!-- measured: " in file.read_text("utf-8")]
)
def test_tables_are_what_was_measured(name: str) -> None:
    """`python -m docsite.figures` puts them there."""
    text = PAGES[name].read_text("utf-8")
    assert renewed(text) == (text, [])
    assert len(re.findall("^ *<!-- measured: ", text, re.MULTILINE)) == len(blocks(text)), (
        "a mark is not as docs/site.md says"
    )


@pytest.mark.parametrize(
    "name", [name for name, file in PAGES.items() if "<!-- quoted" in file.read_text("utf-8")]
)
def test_what_is_quoted_is_what_was_measured(name: str) -> None:
    """To as many digits as are shown; and it stands in the text above."""
    text = PAGES[name].read_text("utf-8")
    for quote in quotes(text):
        assert fits(quote), (
            f"{quote.name} is {value_of(quote.name)}, not {quote.shown}: python -m docsite.figures"
        )
        assert is_above(quote), f"{quote.shown} ({quote.name}) is not in the text above its comment"
    outside = "".join(piece for is_prose, piece in prose(text) if is_prose)
    assert len(re.findall(r"(?<!`)<!-- quoted", outside)) == len(figures.QUOTES.findall(outside))


def test_the_races_page_has_the_tables_that_were_kept() -> None:
    """Both are written by one run."""
    text = RACES.read_text("utf-8")
    between = text[text.index("<!-- figures: begin") : text.index("<!-- figures: end")]
    assert by_heading(between) == results.read("peers").tables


@pytest.mark.parametrize("name", results.names())
def test_a_result_says_when_and_how_it_was_measured(name: str) -> None:
    """And is on a page; every figure in it can be read."""
    found = results.read(name)
    assert found.command
    assert len(found.conditions) > 40
    if not found.tables_of:
        datetime.date.fromisoformat(found.measured)
        assert any(name in of for of in OWNERS.values()), "no page has a table of it"
    for figure in found.figures:
        value_of(f"{name}/{figure}")
    json.loads((results.FOLDER / f"{name}.json").read_text("utf-8"))


@pytest.mark.parametrize("name", [name for name, file in PAGES.items() if file in OWNERS])
def test_no_figures_beside_the_results(name: str) -> None:
    """A page that has results has no table of measured numbers that is in none of them."""
    text = without_blocks(PAGES[name].read_text("utf-8"))
    for piece in re.findall(r"(?:^\|[^\n]*\n){3,}", text, re.MULTILINE):
        columns = list(zip(*parsed(piece).rows[1:], strict=True))[1:]
        numeric = [
            all(re.fullmatch(r"[\d.,]+( \w+)?|", cell) and cell for cell in column) for column in columns
        ]
        assert not any(numeric), f"{name}: put this into docs/benchmarks: {piece[:200]}"


@pytest.mark.parametrize(
    "name", [name for name in PAGES if not name.startswith("adr/") and name != "changelog.md"]
)
def test_who_cites_a_result_says_so(name: str) -> None:
    """A paragraph that is on a page of measurements, or links to one, and has a figure of it, names it.

    Decisions and the changelog are of their day, and stay.
    """
    file = PAGES[name]
    text = file.read_text("utf-8")
    named = {quote.shown for quote in quotes(text)}
    for shown, of in _cited(without_blocks(text), file):
        assert shown in named, f"{shown} is a figure of {sorted(of)}: <!-- quoted: {shown} = NAME/FIGURE -->"


def test_programs_go_by_what_was_measured() -> None:
    """What costs and the arithmetic of scaling are computed of; after a change here, run them: they write pages."""
    assert value_of("server/bytes") == deployed.BYTES_A_VECTOR_384
    assert value_of("growth/768-index-bytes") == DIMENSIONS[768].code_bytes
    assert value_of("growth/768-records-bytes") == DIMENSIONS[768].records_bytes
    cold = [value_of(f"cold-start/ivf-1m-{part}-ms") for part in ("init", "first")]
    assert sum(one for one in cold if isinstance(one, Decimal)) == COLD_MS_MILLION


def _cited(text: str, file: Path) -> Iterator[tuple[str, set[str]]]:
    paragraphs = "".join(piece for is_prose, piece in prose(text) if is_prose)
    for paragraph in re.split(r"\n\n|\n(?=[-|])", paragraphs):
        linked = [file_of(one.target, file)[0] for one in links(paragraph)]
        of = {name for page in (file, *linked) for name in OWNERS.get(page, ())}
        # Nor is a version a figure: 3.11 of 3.11.7.
        plain = re.sub(r"\]\([^)]*\)|`[^`]*`|\d{4}-\d\d-\d\d|\d+\.\d+\.\d+", "", paragraph)
        for shown in (one[0] for one in figures.NUMBER.finditer(plain)):
            digits = shown.replace(",", "").replace(".", "").strip("0")
            enough = len(digits) >= 3 or ("." in shown and len(digits) >= 2)
            where = {name for name in of if Decimal(shown.replace(",", "")) in _numbers(name)}
            if enough and where:
                yield shown, where


def _numbers(name: str) -> set[Decimal]:
    cells = [
        cell for table in results.read(name).tables.values() for row in table.rows[1:] for cell in row[1:]
    ]
    found = {Decimal(one[0].replace(",", "")) for cell in cells for one in figures.NUMBER.finditer(cell)}
    return found - SETTINGS


RUN = Result(
    "2026-11-30",
    "make bench",
    "a machine",
    {
        "t": parsed(
            "| Name | Setting | Queries/s |\n|---|--:|---|\n| **a** | x | 1,815 (0.985) |\n| b | y | 29.6† |\n"
        )
    },
    {
        "a": {"of": ["t", "a", "Queries/s"]},
        "a-recall": {"of": ["t", ["a", "x"], "Queries/s"], "number": 1},
        "least": {"of": ["t", "*", "Queries/s"], "take": "least"},
        "sum": {"of": ["t", "*", "Queries/s"], "take": "sum"},
        "several": {"of": ["t", "*", "Queries/s"]},
        "ms": {"of": ["t", "b", "Queries/s"], "times": 0.1},
        "ratio": {
            "of": ["t", "b", "Queries/s"],
            "over": ["t", "a", "Queries/s"],
            "below": True,
            "times": 100,
        },
        "said": {"is": "1,234"},
    },
)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A result by the name of `run`, in a folder of its own."""
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    figures.read.cache_clear()
    results.write("run", RUN)


@pytest.mark.usefixtures("run")
def test_a_file_has_what_was_put_into_it() -> None:
    """With one row on a line."""
    assert results.read("run") == RUN
    results.put("run", {"u": Table((("A",), ("1",)), ("---",), "more")}, measured="2026-12-01")
    again = results.read("run")
    assert again.tables.keys() == {"t", "u"}
    assert (again.measured, again.command, again.figures) == ("2026-12-01", "make bench", RUN.figures)


@pytest.mark.usefixtures("run")
def test_figures_are_found_in_tables() -> None:
    """By row and column, as one of several, in another unit."""
    found = {name: value_of(f"run/{name}") for name in RUN.figures if name not in ("several", "ratio")}
    ratio = value_of("run/ratio")
    assert isinstance(ratio, Decimal)
    assert as_shown(ratio, "98.4") == "98.4"
    assert found == {
        "a": 1815, "a-recall": Decimal("0.985"), "least": Decimal("29.6"), "sum": Decimal("1844.6"),
        "ms": Decimal("2.96"), "said": 1234,
    }  # fmt: skip
    assert value_of("run/measured") == "2026-11-30"
    for wrong in ("run/several", "run/none", "none/a"):
        with pytest.raises(NoResult):
            value_of(wrong)


@pytest.mark.usefixtures("run")
def test_a_page_follows_its_results() -> None:
    """Tables and figures are replaced; a figure that stands there twice is somebody's to look at."""
    page = (
        "It has 1,700 a second, half of them at .99.\n\n<!-- quoted: 1,700 = run/a; .99 = run/a-recall -->\n\n"
        "On 2026-11-29.\n\n<!-- quoted: 2026-11-29 = run/measured -->\n\n"
        "<!-- measured: run/t -->\nold\n<!-- end -->\n"
    )
    after, left = renewed(page)
    assert left == []
    assert "It has 1,800 a second, half of them at .99.\n\n<!-- quoted: 1,800 = run/a; .99" in after
    assert "On 2026-11-30.\n\n<!-- quoted: 2026-11-30 = run/measured -->" in after
    assert "| **a** | x | 1,815 (0.985) |" in after
    assert renewed(after) == (after, [])
    twice = "7 and 7\n\n<!-- quoted: 7 = run/said -->\n"
    assert renewed(twice) == (
        twice, ["run/said is 1,234, and 7 stands there more than once, or not at all"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("measured", "like", "shown"),
    [
        ("1815", "1,700", "1,800"),
        ("1815", "1,815", "1,815"),
        ("1800", "1,700", "1,800"),
        ("181", "180", "180"),
        ("0.9849", ".98", ".98"),
        ("0.985", "0.98", "0.99"),
        ("154.5", "155", "155"),
        ("13065", "13,000", "13,000"),
        ("13065", "9", "13,065"),
        ("6349", "6349", "6349"),
        ("0", "3", "0"),
    ],
)
def test_figures_are_rounded_as_they_are_shown(measured: str, like: str, shown: str) -> None:
    """To the same place."""
    assert as_shown(Decimal(measured), like) == shown


def test_a_part_of_a_figure_is_none() -> None:
    """So that .98 is not found in .985, nor 7 in its own comment."""
    assert is_above(Quote(".98", "a/b", "recall .98, and"))
    assert not is_above(Quote(".98", "a/b", "recall .985"))
    assert not is_above(Quote(".98", "a/b", "recall 0.98"))
    assert not is_above(Quote("6,349", "a/b", "6,349,000"))
    with pytest.raises(ValueError, match="is not FIGURE"):
        list(quotes("7\n\n<!-- quoted: 7 -->"))


@pytest.mark.parametrize("wrong", ["", "no table", "| a |\n| b |\n| c |\n", "| a | b |\n|---|---|\n| 1 |\n"])
@pytest.mark.usefixtures("run")
def test_what_is_no_table_is_not_kept(wrong: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And the file stays as it was."""
    text = tmp_path / "table.md"
    text.write_text(wrong)
    assert results.main(["put", "run/t", "--file", str(text)]) == 1
    assert "A table begins" in capsys.readouterr().err or "cells" in wrong or wrong.startswith("| a | b")
    assert results.read("run") == RUN


@pytest.mark.usefixtures("run")
def test_a_table_that_a_benchmark_printed_is_kept(tmp_path: Path) -> None:
    """By the command that docs/site.md names."""
    text = tmp_path / "table.md"
    text.write_text("| A | B |\n|---|--:|\n| 1 | 2 |\n\nand this\n")
    assert (
        results.main(["put", "new/t", "--file", str(text), "--measured", "2026-11-30", "--with", "make x"])
        == 0
    )
    kept = results.read("new")
    assert kept.tables["t"] == Table((("A", "B"), ("1", "2")), ("---", "--:"), "and this")
    assert (kept.measured, kept.command) == ("2026-11-30", "make x")
