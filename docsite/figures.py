"""Tables and figures in pages, from the results of measurements: `python -m docsite.figures` brings pages to these.

A table stands between `<!-- measured: NAME/TABLE -->` and `<!-- end -->`. Figures in prose are named in a comment below
it: `<!-- quoted: 6,349 = drill/names; .98 = peers/filtered -->`. The figure that is shown may be rounded.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from docsite import results
from docsite.results import NoResult, Result, Table
from docsite.sources import written

_BLOCK = re.compile(
    r"(?P<mark><!-- measured: (?P<name>[\w.-]+)/(?P<table>[\w.-]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL
)
QUOTES = re.compile(r"(?<!`)<!-- quoted: (?P<quotes>[^>]+?) -->")
NUMBER = re.compile(r"(?<![\w.])(?:\d[\d,]*)?(?:\.\d+)?(?<=\d)")
_TAKEN: Mapping[str, Callable[[list[Decimal]], Decimal]] = {
    "least": min, "most": max, "sum": lambda numbers: sum(numbers, Decimal(0)),
}  # fmt: skip
_MARKUP = re.compile(r"[*`†]")


@dataclass(frozen=True, slots=True)
class Quote:
    """`shown`: as the page has it. `name`: NAME/FIGURE. `above`: the text in which it stands."""

    shown: str
    name: str
    above: str


def quotes(page: str) -> Iterator[Quote]:
    """What a page says it quotes. Raises ValueError for a comment that is not well formed."""
    above_begins = 0
    for comment in QUOTES.finditer(page):
        above = page[above_begins : comment.start()]
        for one in re.split(r";\s+", " ".join(comment["quotes"].split())):
            shown, equals, name = one.partition(" = ")
            if not equals or "/" not in name:
                raise ValueError(f"{one!r} is not FIGURE = NAME/FIGURE.")
            yield Quote(shown.strip(), name.strip(), above)
        above_begins = comment.end()


def fits(quote: Quote) -> bool:
    """Whether what is shown is what was measured, to as many digits as are shown."""
    measured = value_of(quote.name)
    if isinstance(measured, str):
        return quote.shown == measured
    return as_shown(measured, quote.shown) == quote.shown


def is_above(quote: Quote) -> bool:
    """Whether the text has the figure, and not as a part of a longer one."""
    return bool(_place_of(quote.shown).search(quote.above))


def value_of(name: str) -> Decimal | str:
    """Of NAME/FIGURE: a number; or text, which is what a date is. Raises NoResult, ValueError."""
    result_name, _, figure = name.partition("/")
    found = read(result_name)
    if figure == "measured":
        return found.measured
    if figure not in found.figures:
        raise NoResult(f"{result_name}.json has no figure {figure!r}. It has: {', '.join(found.figures)}")
    described = found.figures[figure]
    if "is" in described:
        return number_in(described["is"]) if NUMBER.fullmatch(described["is"]) else str(described["is"])
    number = _of_cells(found, described, name)
    if "over" in described:
        number /= _of_cells(found, {**described, "of": described["over"]}, name)
    if described.get("below"):
        number = 1 - number
    return number * Decimal(str(described.get("times", 1)))


def as_shown(value: Decimal, like: str) -> str:
    """A number rounded and written as another one is: with as many digits behind the point, or zeros before it."""
    digits = like.replace(",", "")
    if "." in digits:
        place = Decimal(1).scaleb(-len(digits.partition(".")[2]))
    else:
        place = Decimal(1).scaleb(len(digits) - len(digits.rstrip("0")) if digits.strip("0") else 0)
    # A number that ends in zeros may be shown to the last of them, or rounded.
    exact = value.quantize(Decimal(1) if place > 1 else place, ROUND_HALF_UP)
    rounded = exact if _written(exact, like) == like else value.quantize(place, ROUND_HALF_UP)
    return _written(rounded, like)


def _written(value: Decimal, like: str) -> str:
    text = (
        f"{value:,f}" if "," in like or (value >= 1000 and len(like.partition(".")[0]) < 4) else f"{value:f}"
    )
    return text.removeprefix("0") if like.startswith(".") else text


def number_in(cell: str, which: int = 0) -> Decimal:
    """One of the numbers of a cell. Raises ValueError where there are fewer."""
    found = NUMBER.findall(_MARKUP.sub("", cell))
    if which >= len(found):
        raise ValueError(f"{cell!r} has {len(found)} numbers.")
    return Decimal(found[which].replace(",", ""))


def _of_cells(found: Result, described: Mapping[str, Any], name: str) -> Decimal:
    """`of`: table, row, column. A row may be several words, those of its first cells, and `*` stands for anything. Of
    several cells `take` says what: least, most or sum. `number`: which one of a cell.

    Beside that, `over` is what it is divided by, `below` how much less than 1 that is, and `times` gives another unit.
    """
    table_name, row, column = described["of"]
    if table_name not in found.tables:
        raise NoResult(f"{name}: no table {table_name!r}. There are: {', '.join(found.tables)}")
    cells = list(_cells(found.tables[table_name], [row] if isinstance(row, str) else row, column))
    numbers = [number_in(cell, described.get("number", 0)) for cell in cells if NUMBER.search(cell)]
    take = described.get("take")
    if not numbers or (len(numbers) > 1 and take not in _TAKEN):
        raise NoResult(f"{name}: {len(numbers)} cells of {table_name} are {row}, {column}.")
    return _TAKEN[take or "most"](numbers)


def _cells(table: Table, words: list[str], column: str) -> Iterator[str]:
    head, *rows = table.rows
    columns = [n for n, title in enumerate(head) if fnmatchcase(_MARKUP.sub("", title), column)]
    for row in rows:
        plain = [_MARKUP.sub("", cell).strip() for cell in row]
        if all(fnmatchcase(cell, word) for cell, word in zip(plain, words, strict=False)):
            yield from (row[n] for n in columns if n >= len(words))


@cache
def read(name: str) -> Result:
    return results.read(name)


def _place_of(shown: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\d.,]){re.escape(shown)}(?!\d|[.,]\d)")


def renewed(page: str) -> tuple[str, list[str]]:
    """A page with its tables and figures as they were measured, and what somebody has to look at."""

    def block(found: re.Match[str]) -> str:
        tables = read(found["name"]).tables
        if found["table"] not in tables:
            raise NoResult(
                f"{found['name']}.json has no table {found['table']!r}. It has: {', '.join(tables)}"
            )
        return f"{found['mark']}{tables[found['table']].markdown()}{found['end']}"

    text = _BLOCK.sub(block, page)
    left = []
    for quote in list(quotes(text)):
        if fits(quote):
            continue
        measured = value_of(quote.name)
        now = measured if isinstance(measured, str) else as_shown(measured, quote.shown)
        if len(_place_of(quote.shown).findall(quote.above)) != 1 or text.count(quote.above) != 1:
            left.append(
                f"{quote.name} is {now}, and {quote.shown} stands there more than once, or not at all"
            )
            continue
        above = _place_of(quote.shown).sub(now, quote.above)
        text = text.replace(quote.above, above).replace(
            f"{quote.shown} = {quote.name}", f"{now} = {quote.name}"
        )
    return text, left


def blocks(page: str) -> list[tuple[str, str]]:
    """The tables that a page has from results: result and table."""
    return [(one["name"], one["table"]) for one in _BLOCK.finditer(page)]


def without_blocks(page: str) -> str:
    """A page without what programs write into it."""
    text = re.sub(
        r"<!-- figures: begin.*?<!-- figures: end -->|<!-- computed: .*?<!-- end -->",
        "",
        page,
        flags=re.DOTALL,
    )
    return QUOTES.sub("", _BLOCK.sub("", text))


def bring(page: Path) -> list[str]:
    """Bring one page to its results; what is left to somebody."""
    before = page.read_text("utf-8")
    after, left = renewed(before)
    if after != before:
        page.write_text(after, "utf-8")
    return [f"{page.name}: {one}" for one in left]


def main() -> int:
    """The exit status: 1 where something is left to be looked at."""
    left = [one for page in written().values() for one in bring(page)]
    for one in left:
        print(one, file=sys.stderr)  # noqa: T201 - a command
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
