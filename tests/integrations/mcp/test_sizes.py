"""Answers stay as small as they were told to, and say what is missing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from quartzdb_client import Client as Database
from quartzdb_mcp.fitting import as_many, fit, size
from tests.integrations.mcp.conftest import serving, session

CHARACTERS = 5_000


@pytest.fixture
def long(client: Database, namespace: str) -> str:
    """Twenty records with a text of 3,000 characters each, and a long value."""
    made = client.create_namespace(namespace, dimension=64)
    made.upsert(
        [
            {"id": f"{at:02}", "vector": [at + 1.0] * 64, "metadata": {"n": at, "text": "word " * 600}}
            for at in range(20)
        ]
    )
    made.kv.put("long", "".join(f"{at:05}" for at in range(2_000)))
    return namespace


async def test_long_texts_are_cut_first_and_a_note_says_so(long: str) -> None:
    """Whatever is asked for, an answer has no more than it may; what is left out can be asked for."""
    with serving(characters=CHARACTERS) as url:
        async with session(url) as client:

            async def asked(tool: str, **arguments: Any) -> Any:
                answered = await client.call_tool(tool, {"namespace": long, **arguments})
                document = answered.structured_content
                assert json.loads(answered.content[0].model_dump()["text"]) == document
                assert size(document) < CHARACTERS + 1_000  # notes and the receipt come on top
                return document

            found = await asked("search", vector=[1.0] * 64, top_k=20)
            assert len(found["matches"]) == 20
            assert found["matches"][0]["metadata"]["text"].endswith("[2900 more characters]")
            assert "`fields`" in found["notes"][0]
            bare = await asked("search", vector=[1.0] * 64, top_k=20, fields=["n"])
            assert "notes" not in bare
            whole = await asked("fetch", ids=["07"])
            assert whole["records"][0]["metadata"]["text"] == "word " * 600
            vectors = await asked("list", include_vectors=True, limit=20)
            shown = ["vector" in record for record in vectors["records"]]
            assert shown[0]
            assert not shown[-1]
            assert any("left out" in note for note in vectors["notes"])
            first = await asked("list", fields=["n"], limit=7)
            rest = await asked("list", fields=["n"], limit=100, cursor=first["cursor"])
            assert [one["metadata"]["n"] for one in first["records"] + rest["records"]] == list(range(20))
            value, offset = "", 0
            while offset < 10_000:
                part = await asked("get_value", key="long", offset=offset)
                value += part["value"]
                offset += CHARACTERS
            assert value == "".join(f"{at:05}" for at in range(2_000))


def test_what_fits_is_left_alone() -> None:
    """The same records, and no notes."""
    records = [{"id": "a", "metadata": {"b": "c" * 100}}]
    fitted = fit(records, 1_000)
    assert (fitted.records, fitted.notes, fitted.dropped) == (records, [], 0)


def test_the_last_lose_first() -> None:
    """Texts of all, then metadata of the last, then the last altogether; each is told."""
    records = [{"id": f"{at}", "metadata": {"numbers": list(range(100))}} for at in range(10)]
    fitted = fit(records, 1_500)
    assert size(fitted.records) <= 1_500
    assert "metadata" in fitted.records[0]
    assert [record["id"] for record in fitted.records] == [record["id"] for record in records]
    assert "metadata" not in fitted.records[-1]
    assert any("left out" in note for note in fitted.notes)
    tiny = fit(records, 40)
    assert size(tiny.records) <= 40
    assert tiny.dropped == 10 - len(tiny.records) > 0
    assert tiny.records[0]["id"] == "0"


def test_ids_and_versions_are_never_cut() -> None:
    """Half of an id is no id."""
    records = [{"id": "i" * 512, "version": "v" * 200, "metadata": {"text": "t" * 5_000}}]
    fitted = fit(records, 1_500)
    assert fitted.records[0]["id"] == "i" * 512
    assert fitted.records[0]["version"] == "v" * 200
    assert fitted.records[0]["metadata"]["text"].startswith("t" * 500)


def test_as_many_as_fit() -> None:
    """From the beginning."""
    documents = [{"name": "n" * 10}] * 10
    shown = as_many(documents, 100)
    assert 0 < len(shown) < 10
    assert size(shown) <= 100
    assert as_many(documents, 10_000) == documents
