"""The demo: built from this Python's own documentation, and asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from quartzdb.cli.demo.docstrings import read_docstrings
from tests.cli.invoke import answer, run

pytest.importorskip(
    "wordllama", reason="the demo's model is an optional dependency: pip install 'quartzdb[demo]'"
)

QUESTIONS = {
    "split a string on commas": "str.split",
    "parse command line arguments": "argparse.ArgumentParser",
    "run a function in another thread": "threading.Thread.run",
    "compress a file with gzip": "gzip.compress",
    "send an email": "smtplib.SMTP.sendmail",
    "make a temporary directory": "tempfile.TemporaryDirectory",
    "round a number to two decimals": "round",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo, built once."""
    directory = tmp_path_factory.mktemp("demo")
    built = answer(directory, "demo")
    assert built["built_now"]
    assert built["records"] > 5_000
    assert built["tail_rows"] == 0
    assert [segment["rows"] for segment in built["segments"]] == [built["records"]]
    return directory


@pytest.mark.parametrize(("question", "expected"), QUESTIONS.items())
def test_a_question_finds_what_one_would_use(data: Path, question: str, expected: str) -> None:
    """What a programmer would look for is among the first ten, and recall is measured, not claimed."""
    found = answer(data, "demo", question)
    assert expected in [match["name"] for match in found["matches"]]
    assert found["recall_at_10"] >= 0.9
    assert found["vectors_compared"] > 5_000
    scores = [match["score"] for match in found["matches"]]
    assert scores == sorted(scores, reverse=True)
    assert all(match["summary"] for match in found["matches"])


def test_it_is_built_once(data: Path) -> None:
    """The second call only tells what there is."""
    again = answer(data, "demo")
    assert not again["built_now"]
    said = run(data, "demo").stdout
    assert 'quartzdb demo "split a string on commas"' in said


def test_a_module_narrows_the_search(data: Path) -> None:
    """--module is an ordinary metadata filter."""
    found = answer(data, "demo", "open a file", "--module", "gzip")
    assert found["matches"]
    assert all(match["name"].startswith("gzip") for match in found["matches"])


def test_people_get_a_table_and_the_figures(data: Path) -> None:
    """Names, scores, latency and recall."""
    said = run(data, "demo", "compress a file with gzip", "--top-k", "3").stdout
    assert "gzip.compress" in said
    assert "recall@10" in said
    assert " ms for the search" in said


def test_docstrings_are_read_from_source_without_running_it(tmp_path: Path) -> None:
    """Qualified names, kinds, signatures and summaries; private names, tests and broken files are left out."""
    (tmp_path / "pack").mkdir()
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "thing.py").write_text('"""A test."""')
    (tmp_path / "broken.py").write_text("def (")
    (tmp_path / "pack" / "__init__.py").write_text('"""A package."""\nraise RuntimeError("never run")\n')
    (tmp_path / "pack" / "mod.py").write_text(
        '''
class Thing:
    """A thing.

    With details.
    """
    def do(self, what, *, hard=True):
        """do(what) -> None

        Does
        it.
        """
    def _hidden(self):
        """No."""
if True:
    async def later(): "Later."
'''
    )
    found = {d.name: (d.kind, d.signature, d.summary) for d in read_docstrings(tmp_path)}
    assert found == {
        "pack": ("module", "", "A package."),
        "pack.mod.Thing": ("class", "", "A thing."),
        "pack.mod.Thing.do": ("method", "(what, *, hard=True)", "Does it."),
        "pack.mod.later": ("function", "()", "Later."),
    }
