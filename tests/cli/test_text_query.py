"""`quartzdb query --text`: by words, alone and beside a vector."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.invoke import answer, refusal, run


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the namespaces docs, of text and vectors, and plain."""
    directory = tmp_path_factory.mktemp("data")
    declared = ("--dimension", "2", "--text", "body", "--sparse", "s")
    answer(directory, "namespaces", "create", "docs", *declared)
    answer(directory, "namespaces", "create", "plain", "--dimension", "2")
    for record_id, vector, body in (("a", "[1, 0]", "the red planet"), ("b", "[0, 1]", "planets of sand")):
        metadata = f'{{"body": "{body}", "s": {{"indices": [1], "values": [{len(body)}]}}}}'
        put = ("records", "put", record_id, "--namespace", "docs", "--vector", vector, "--metadata", metadata)
        answer(directory, *put)
    return directory


def test_by_words(data: Path) -> None:
    """Plain, or as JSON; without distances."""
    found = answer(data, "query", "--namespace", "docs", "--text", "sand")["matches"]
    assert [match["id"] for match in found] == ["b"]
    assert "distance" not in found[0]
    whole = '{"query": "planet", "must_not": ["sand"]}'
    assert [m["id"] for m in answer(data, "query", "--namespace", "docs", "--text", whole)["matches"]] == [
        "a"
    ]
    sparse = ("--sparse", '{"indices": [1], "values": [1]}')
    assert [m["id"] for m in answer(data, "query", "--namespace", "docs", *sparse)["matches"]] == ["b", "a"]


def test_beside_a_vector(data: Path) -> None:
    """Fused, and explained."""
    asked = ("query", "--namespace", "docs", "--text", "sand", "--vector", "[1, 0]", "--explain")
    found = answer(data, *asked)["matches"]
    assert [match["id"] for match in found] == ["b", "a"]
    assert found[0]["explain"]["vector"] == {"rank": 2, "score": 0.0}
    shown = run(data, *asked).stdout
    assert "found by" in shown
    assert "vector 1 (1.0000)" in shown
    weighted = (*asked, "--fusion", '{"method": "weighted", "vector": 2, "text": 1}')
    assert [match["id"] for match in answer(data, *weighted)["matches"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        ([], 2, "or --text"),
        (["--text", "a", "--vector", "[1, 0]", "--id", "a"], 2, "exactly one of"),
        (["--text", "{"], 2, "--text is not JSON"),
        (["--text", " "], 1, "asks for no word"),
        (["--text", "a", "--fusion", "{}"], 1, "this one has one"),
        (["--sparse", "[]"], 1, "is an object"),
    ],
)
def test_wrong_input(data: Path, arguments: list[str], status: int, reason: str) -> None:
    """One message that says what to do."""
    assert reason in refusal(data, "query", "--namespace", "docs", *arguments, exit_code=status)


def test_where_nothing_is_declared(data: Path) -> None:
    """It is said how to declare it."""
    assert "no text fields" in refusal(data, "query", "--namespace", "plain", "--text", "a")


def test_pages_groups_and_distinct(data: Path) -> None:
    """Each page goes on where the one before ended; groups are shown with their value."""
    asked = ("query", "--namespace", "docs", "--text", "planet sand", "--top-k", "1")
    first = answer(data, *asked, "--page")
    second = answer(data, *asked, "--cursor", first["cursor"])
    assert [match["id"] for page in (first, second) for match in page["matches"]] == ["b", "a"]
    assert f"--cursor {first['cursor']}" in run(data, *asked, "--page").stdout
    grouped = ("query", "--namespace", "docs", "--text", "planet sand", "--group-by", "body")
    groups = answer(data, *grouped)["groups"]
    assert [(group["value"], len(group["matches"])) for group in groups] == [
        ("planets of sand", 1),
        ("the red planet", 1),
    ]
    assert "planets of sand" in run(data, *grouped).stdout
    distinct = answer(data, "query", "--namespace", "docs", "--text", "planet", "--distinct", "body")
    assert len(distinct["matches"]) == 2
    least = str(first["matches"][0]["score"])
    assert len(answer(data, *asked[:-1], "9", "--min-score", least)["matches"]) == 1
    assert "belongs to --group-by" in refusal(data, *asked, "--groups", "3", exit_code=2)
    assert "1 to 100" in refusal(data, *grouped, "--per-group", "0", exit_code=2)
