"""A page says of every limit what was tried, with the number that it has now."""

from __future__ import annotations

import re

from benchmarks.limits.trials import trials
from docsite.made.limits import numbers
from docsite.sources import DOCS

PAGE = (DOCS / "limits-tried.md").read_text("utf-8")


def _block(begin: str, end: str) -> str:
    return PAGE.split(begin, 1)[1].split(end, 1)[0]


def test_every_limit_was_tried_or_it_is_said_why_not() -> None:
    """And none is spoken of that is gone."""
    tried = {name for trial in trials() for name in trial.limits}
    lines = re.findall(r"^\| (`.*?) \|", _block("<!-- not tried -->", "\n## "), flags=re.MULTILINE)
    told = [name for line in lines for name in re.findall(r"`([A-Z_]+)`", line)]
    assert sorted(told) == sorted({name for name, _, _ in numbers()} - tried)


def test_what_was_tried_are_the_limits_of_today() -> None:
    """Else it has to be tried again: `make bench-limits ARGS=--write-docs`."""
    shown = dict(
        re.findall(r"`([A-Z_]+)` ([\d,.]*\d)", _block("<!-- measured: limits/requests -->", "<!-- end -->"))
    )
    tried = {name for trial in trials() for name in trial.limits}
    assert shown == {name: value for name, value, _ in numbers() if name in tried}


def test_everything_tried_was_answered_and_one_more_refused() -> None:
    """By the table: a benchmark that found something else writes none."""
    lines = _block("<!-- measured: limits/requests -->", "<!-- end -->").strip().splitlines()[2:]
    assert len(lines) == len(list(trials()))
    for trial, line in zip(trials(), lines, strict=True):
        assert re.search(r"\| (4\d\d `\w+`|–) \|$", line)
        assert trial.what in line
        assert (trial.over is None) == line.endswith("| – |")
