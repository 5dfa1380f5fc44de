"""Every block of code of every Markdown file is run, or is data or output, or says why it is none of these."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from docsite.sources import ROOT
from quartzdb.domain.errors import InvalidArgument
from tests.docs import kinds
from tests.docs.commands import only_makes_or_installs, said_in_prose, unknown
from tests.docs.examples import PROGRAMS, SHELL_AND_PYTHON, Block, every_block, markdown_files
from tests.docs.where_run import RUN_BY, SHELL_NOT_RUN, is_tour, name, nowhere, run_as_examples

FILES = [one for one in markdown_files() if every_block(one)]
DATA = {"json", "toml", "yaml"}
OUTPUT = {"text"}
NOT_RUN: Mapping[str, int] = {
    "README.md": 2,
    "cloudflare/README.md": 1,
    "docs/changes.md": 2,
    "docs/cli.md": 4,
    "docs/cookbook.md": 2,
    "docs/how-to/backup.md": 1,
    "docs/how-to/move-namespace.md": 1,
    "docs/how-to/small-server.md": 1,
    "docs/how-to/spending-cap.md": 1,
    "docs/how-to/watch.md": 1,
    "docs/objectives.md": 1,
    "docs/queries.md": 1,
    "docs/site.md": 1,
    "docs/start/index.md": 3,
    "docs/tutorials/hybrid-search.md": 1,
    "docs/tutorials/migrating.md": 4,
    "docs/tutorials/rag.md": 1,
    "docs/tutorials/recommendations.md": 1,
    "docs/tutorials/saas.md": 1,
    "docs/tutorials/semantic-search.md": 1,
    "local/stripe/README.md": 1,
}
"""How many blocks of a file say of themselves that they are not run. One more is a decision."""


def _is_of_today(file: Path) -> bool:
    return file.name != "CHANGELOG.md" and file.parent.name != "adr"


@pytest.mark.parametrize("file", FILES, ids=name)
def test_every_block_is_of_a_known_kind(file: Path) -> None:
    """Programs, data that says what it is of, or output; what is no language says nothing to a reader, either."""
    for one in every_block(file):
        where = f"{name(file)}:{one.line}"
        known = one.language in {*SHELL_AND_PYTHON, *PROGRAMS, *DATA, *OUTPUT}
        assert known or one.reason is not None, f"{where}: nobody looks at blocks of {one.language!r}"
        if one.language in DATA:
            assert one.kind, f"{where}: say above it what it is, as <!-- is: Problem -->"
            kinds.check(one)
        else:
            assert one.kind is None, f"{where}: only data is of a kind"


@pytest.mark.parametrize("file", FILES, ids=name)
def test_every_program_is_run(file: Path) -> None:
    """By one of the tests that run them, or says above itself why it is not."""
    assert [f"{name(file)}:{one.line}" for one in nowhere(file)] == []


@pytest.mark.parametrize("file", FILES, ids=name)
def test_what_is_not_run_could_be(file: Path) -> None:
    """Commands exist, with their options, in blocks that are run, too; Python is Python."""
    for one in every_block(file):
        if one.language == "sh":
            assert unknown(one.code) == [], f"{name(file)}:{one.line}"
        if one.language == "python":
            compile(one.code, f"{name(file)}:{one.line}", "exec")


@pytest.mark.parametrize("file", [one for one in markdown_files() if _is_of_today(one)], ids=name)
def test_commands_that_prose_names_exist(file: Path) -> None:
    """With their options; decisions and changelogs are of their day."""
    for command in said_in_prose(file.read_text("utf-8")):
        assert unknown(command) == [], command


def test_how_many_are_not_run() -> None:
    """Each file with its number."""
    found = {name(one): sum(block.reason is not None for block in every_block(one)) for one in FILES}
    assert {file: count for file, count in found.items() if count} == dict(NOT_RUN)


def test_nobody_is_excused_for_nothing() -> None:
    """A file that is left out has what is left out, and whoever is said to run programs names their file."""
    for file in SHELL_NOT_RUN:
        assert any(one.language == "sh" for one in every_block(ROOT / file)), file
    for (file, language), test in RUN_BY.items():
        assert any(one.language == language for one in every_block(ROOT / file)), file
        source = (ROOT / test).read_text("utf-8")
        assert any(part in source for part in (file, file.removeprefix("integrations/"))) or (
            file.startswith("clients/") and f'"{file.split("/")[1]}"' in source
        ), f"{test} does not name {file}"


def test_what_is_wrong_is_found() -> None:
    """So that the tests above can fail."""
    assert unknown("make tests") == ["make has no target tests"]
    assert unknown("quartzdb stats --jsn | jq .") == ["quartzdb stats has no --jsn"]
    assert unknown("quartzdb imports x") == ["quartzdb has no command imports"]
    assert unknown("pip install langchain-quartdb") == ["nobody publishes langchain-quartdb"]
    assert unknown('make bench-peers ARGS="--rowz 3"') == ["python -m benchmarks.peers has no --rowz"]
    assert unknown("python -m benchmarks.nothing") == ["there is no module benchmarks.nothing"]
    assert unknown("echo 'a")
    assert said_in_prose("`make a b` and `make`\n\n```sh\n`make c`\n```\n") == ["make a b"]
    assert only_makes_or_installs("make a  # it's so\nmake b && npm install c\n")
    assert not only_makes_or_installs("make a\nrm -r b\n")


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("Problem", '{"code": 7, …}'),
        ("Problem", '{"code": "a",'),
        ("QueryResult", '{"matches": []}'),
        ("part of QueryResult", '{"matchs": []}'),
        ("Problm", "{}"),
        ("filter", '{"a": {"$gtx": 1}}'),
        ("changes between sites", '{"op": "upsert", "id": "a"}'),
        ("usage line", '{"v": 1, "keys": "a"}'),
    ],
)
def test_data_that_is_not_what_it_says_is_found(kind: str, code: str) -> None:
    """By its schema, or by what reads it."""
    with pytest.raises((AssertionError, ValueError, InvalidArgument)):
        kinds.check(Block("json", code, None, None, kind))


def test_blocks_of_pages_are_run() -> None:
    """Many, so that nothing here is empty by mistake."""
    assert sum(len(run_as_examples(one)) for one in FILES) > 70
    assert sum(is_tour(one) for one in every_block(ROOT / "README.md")) == 1
