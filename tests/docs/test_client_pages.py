"""Each client's reference has all that the client exports, and nothing that it does not have."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

import pytest

import quartzdb_client
from docsite.links import links
from docsite.made import PAGES
from docsite.made.clients import javascript, python, rust
from docsite.made.clients.shown import BY_STATUS, operation_of
from docsite.samples.steps import OPERATIONS
from docsite.sources import DOCS
from quartzdb_client.errors import error_of

PAGE = {name: PAGES[f"reference/{name}.md"]() for name in ("python", "javascript", "rust")}
_BESIDE = {"VERSION", "NEVER", "Quartz"}


def _headings(page: str) -> list[str]:
    return re.findall(r"^##+ (.+)$", page, flags=re.MULTILINE)


def test_every_public_class_and_method_of_python_is_there() -> None:
    """With its parameters, as Python itself sees them."""
    headings = set(_headings(PAGE["python"]))
    for name in quartzdb_client.__all__:
        one = getattr(quartzdb_client, name)
        if name.startswith("Async") or not (inspect.isclass(one) or inspect.isfunction(one)):
            continue
        assert name in headings
        if not inspect.isclass(one):
            continue
        for method, made in inspect.getmembers(one, inspect.isfunction):
            if method.startswith("_") or method not in vars(one):
                continue
            assert f"{name}.{method}" in headings
            shown = PAGE["python"].split(f"### {name}.{method}\n", 1)[1].split("\n#", 1)[0]
            for parameter in list(inspect.signature(made).parameters)[1:]:
                assert re.search(rf"\b{parameter}\b", shown), (name, method, parameter)


@pytest.mark.parametrize(
    ("name", "exported"),
    [("javascript", javascript.exported), ("rust", rust.exported), ("python", python.exported)],
)
def test_everything_exported_is_there(name: str, exported: Callable[[], set[str]]) -> None:
    """A class, a function or a type, each once."""
    headings = _headings(PAGE[name])
    wanted = {one for one in exported() if not one.startswith("Async")} - _BESIDE
    assert wanted - set(headings) == set()
    assert len(headings) == len(set(headings))
    assert len(wanted) > 15


@pytest.mark.parametrize("name", PAGE)
def test_every_call_says_what_it_asks_for_and_how_it_fails(name: str) -> None:
    """Every operation that a scenario has a step for is some method's."""
    asked = set(re.findall(r"It asks for \[[^]]*\]\(\.\./api/[\w-]+\.md#(\w+)\)", PAGE[name]))
    assert set(OPERATIONS.values()) - asked == set()
    assert PAGE[name].count("`DeadlineExceeded`. It asks for") == PAGE[name].count("It asks for")
    assert operation_of("KeyValues", "putMany") == "put_values"
    assert operation_of("Namespace", "no_such_method") is None


def test_errors_are_those_that_the_client_makes() -> None:
    """Of each status."""
    for status, kind in BY_STATUS.items():
        assert type(error_of(int(status), {}, {})).__name__ == kind
    assert type(error_of(422, {}, {})).__name__ == "InvalidRequest"
    assert type(error_of(503, {}, {})).__name__ == "ServerError"


@pytest.mark.parametrize("name", PAGE)
def test_no_source_is_cut_off(name: str) -> None:
    """Brackets of each block are closed, no block is empty, and links go somewhere."""
    for block in re.findall(r"```\w+\n(.*?)\n```", PAGE[name], flags=re.DOTALL):
        code = re.sub(r"//.*|/\*.*?\*/|#.*|=>|->|\"[^\"]*\"", "", block)
        for opening, closing in ("()", "[]", "{}"):
            assert code.count(opening) == code.count(closing), block
        assert block.strip()
    for link in links(PAGE[name]):
        target = link.target.partition("#")[0].removeprefix("../")
        assert (DOCS / target).is_file() or target in PAGES
