"""What is refused, how that is told, and what never shows."""

from __future__ import annotations

import logging
import os
from typing import Any

import pytest
from mcp import MCPError

from quartzdb_client import AsyncClient, Retries
from quartzdb_client import Client as Database
from tests.integrations.mcp.conftest import TOKEN, a_key, serving, session


async def _refused(url: str, tool: str, **arguments: Any) -> dict[str, Any]:
    """The error, which has to be in the text as well: that is what models read."""
    async with session(url) as client:
        answered = await client.call_tool(tool, arguments)
    assert answered.is_error, answered.structured_content
    assert answered.structured_content is None  # some clients hold it to the schema of what is no error
    error: dict[str, Any] = answered.meta["quartzdb/error"]
    text = answered.content[0].model_dump()["text"]
    assert text.startswith(f"{error['code']}: {error['message']}")
    assert error.get("hint", "") in text
    return error


async def test_a_server_only_reads_unless_it_was_told_to_write(client: Database, books: str) -> None:
    """Tools that write are not there, and whoever calls one all the same is told why; the key could write."""
    with serving() as url:
        async with session(url) as agent:
            names = [tool.name for tool in (await agent.list_tools()).tools]
        assert not {"upsert", "delete", "put_value"} & set(names)
        for tool, arguments in (
            ("delete", {"ids": ["dune"]}),
            ("upsert", {"records": [{"id": "dune", "vector": [1, 0, 0]}]}),
            ("put_value", {"key": "greeting", "value": "changed"}),
        ):
            error = await _refused(url, tool, namespace=books, **arguments)
            assert error["code"] == "read_only"
            assert "--write" in error["hint"]
    assert client.namespace(books).count().count == 3
    assert client.namespace(books).kv.get("greeting").text == "good morning"


async def test_a_key_without_the_scope_is_refused_by_the_database(client: Database, books: str) -> None:
    """The tool is offered; the error names the scope."""
    with serving(write=True, key=a_key(["read"])) as url:
        error = await _refused(url, "delete", namespace=books, ids=["dune"])
        assert error["code"] == "forbidden"
        assert "'write'" in error["message"]
        assert error["hint"]
    with serving(write=True, key=a_key(["write"])) as url:
        error = await _refused(url, "search", namespace=books, text="dune")
        assert "'read'" in error["message"]
    assert client.namespace(books).count().count == 3


async def test_a_key_of_some_namespaces_reaches_no_other(
    client: Database, books: str, namespace: str
) -> None:
    """By no tool and no resource, and it learns of no other."""
    own = f"{namespace}-own"
    client.create_namespace(own, dimension=3)
    with serving(write=True, key=a_key(["read", "write"], [own])) as url:
        async with session(url) as agent:
            listed = await agent.call_tool("list_namespaces", {})
            assert [one["name"] for one in listed.structured_content["namespaces"]] == [own]
            assert [one.name for one in (await agent.list_resources()).resources] == [own]
            with pytest.raises(MCPError, match="does not reach"):
                await agent.read_resource(f"quartzdb://namespaces/{books}")
        for tool, arguments in (
            ("search", {"text": "dune"}),
            ("fetch", {"ids": ["dune"]}),
            ("list", {}),
            ("describe_namespace", {}),
            ("get_value", {"key": "greeting"}),
            ("upsert", {"records": [{"id": "x", "vector": [1, 0, 0]}]}),
            ("delete", {"ids": ["dune"]}),
            ("put_value", {"key": "greeting", "value": "x"}),
        ):
            error = await _refused(url, tool, namespace=books, **arguments)
            assert error["code"] == "forbidden", tool
    assert client.namespace(books).count().count == 3


@pytest.mark.parametrize(
    ("tool", "arguments", "code", "says"),
    [
        ("search", {}, "invalid_arguments", "give `text`, `vector` or `id`"),
        ("search", {"vector": [1, 0, 0], "id": "dune"}, "invalid_arguments", "not both"),
        ("search", {"vector": [1, 0, 0], "text_fields": ["title"]}, "invalid_arguments", "goes with"),
        ("search", {"text": "x", "top_k": 51}, "invalid_arguments", "top_k"),
        ("search", {"text": "x", "limit": 5}, "invalid_arguments", "limit"),
        ("search", {"vector": [1, 0]}, "dimension_mismatch", "2 numbers"),
        ("search", {"vector": [1, 0, 1e300]}, "invalid_arguments", "32-bit"),
        ("search", {"vector": ["a", 0, 1]}, "invalid_arguments", "vector.0"),
        ("search", {"text": "x", "filter": {"year": {"$like": 1}}}, "invalid_filter", "$like"),
        ("search", {"text": "x", "text_fields": ["by"]}, "invalid_argument", "by"),
        ("fetch", {"ids": []}, "invalid_arguments", "ids"),
        ("fetch", {"ids": ["x"] * 51}, "invalid_arguments", "ids"),
        ("list", {"limit": 101}, "invalid_arguments", "limit"),
        ("list", {"cursor": "nonsense"}, "invalid_cursor", "cursor"),
        ("get_value", {"key": "nobody"}, "key_not_found", "nobody"),
        (
            "put_value",
            {"key": "k", "value": "v", "if_absent": True, "if_version": "x"},
            "invalid_arguments",
            "not both",
        ),
        (
            "put_value",
            {"key": "greeting", "value": "v", "if_absent": True},
            "precondition_failed",
            "greeting",
        ),
        (
            "upsert",
            {"records": [{"id": "x", "vectors": [1, 0, 0]}]},
            "invalid_arguments",
            "records.0.vectors",
        ),
        ("upsert", {"records": [{"id": str(at)} for at in range(101)]}, "invalid_arguments", "records"),
        ("upsert", {"records": [{"id": "x", "metadata": {"a": 1}}]}, "invalid_vector", "vector"),
        ("delete", {"ids": ["x"], "filter": {}}, "invalid_arguments", "filter"),
        ("erase_all", {}, "unknown_tool", "erase_all"),
    ],
)
async def test_bad_input_says_what_to_do(
    endpoint: str, books: str, tool: str, arguments: dict[str, Any], code: str, says: str
) -> None:
    """As a tool's error, which an agent reads and mends; not as one of the protocol."""
    error = await _refused(endpoint, tool, **{"namespace": books, **arguments})
    assert error["code"] == code
    assert says in f"{error['message']} {error.get('hint')} {error.get('field')}"


async def test_a_namespace_that_is_none(endpoint: str) -> None:
    """Refused before it is asked for where the name cannot be one; resources too."""
    assert (await _refused(endpoint, "list", namespace="../keys"))["code"] == "invalid_arguments"
    assert (await _refused(endpoint, "list", namespace="nobodys"))["code"] == "namespace_not_found"
    async with session(endpoint) as client:
        for uri in ("quartzdb://namespaces/nobodys", "quartzdb://keys/a", "quartzdb://namespaces/a/b"):
            with pytest.raises(MCPError):
                await client.read_resource(uri)


async def test_a_condition_that_does_not_hold_names_the_records(
    endpoint: str, client: Database, books: str
) -> None:
    """And nothing of the call is written."""
    error = await _refused(
        endpoint,
        "upsert",
        namespace=books,
        records=[
            {"id": "new", "vector": [1, 0, 0]},
            {"id": "dune", "vector": [1, 0, 0], "if_absent": True},
        ],
    )
    assert error["code"] == "precondition_failed"
    assert [failure["id"] for failure in error["failures"]] == ["dune"]
    assert client.namespace(books).count().count == 3


async def test_a_database_that_does_not_answer(books: str) -> None:
    """Is told as that."""

    def opened() -> AsyncClient:
        return AsyncClient("http://127.0.0.1:9", api_key="none", retries=Retries(max_retries=0))

    with serving(opened=opened) as url:
        error = await _refused(url, "list", namespace=books)
    assert error["code"] == "connection_failed"


async def test_the_key_is_nowhere(books: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in answers and errors nor in the most talkative log; nor is the token. What is stored is not logged."""
    caplog.set_level(logging.DEBUG, logger="quartzdb_client")  # as with --verbose
    good, wrong = (
        os.environ["QUARTZDB_API_KEY"],
        "qdb_live_000000000000_notthekeyatallnotthekeyatallnotthekeyatallnot",
    )
    answers = ""
    for key in (good, wrong):
        with serving(write=True, key=key, token=TOKEN) as url:
            async with session(url, TOKEN) as client:
                for tool, arguments in (
                    ("search", {"namespace": books, "text": "dune"}),
                    ("get_value", {"namespace": books, "key": "greeting"}),
                    ("search", {"namespace": books, "vector": [1]}),
                ):
                    answers += (await client.call_tool(tool, arguments)).model_dump_json()
    assert "unauthenticated" in answers
    assert "Herbert" in answers
    assert "POST /v1/namespaces/" in caplog.text
    for secret in (good, good.split("_")[-1], wrong, TOKEN):
        assert secret not in answers
        assert secret not in caplog.text
    for stored in ("good morning", "Herbert"):
        assert stored not in caplog.text
