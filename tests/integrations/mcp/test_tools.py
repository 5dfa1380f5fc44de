"""What each tool does, over HTTP, by the SDK's client: it checks every answer against the tool's output schema."""

from __future__ import annotations

import os
from typing import Any

from mcp import Client

from quartzdb_client import Client as Database
from quartzdb_mcp.names import READING, WRITING
from quartzdb_mcp.tools import TOOLS
from tests.integrations.mcp.conftest import session, stdio


async def _asked(endpoint: str, tool: str, **arguments: Any) -> dict[str, Any]:
    async with session(endpoint) as client:
        answered = await client.call_tool(tool, arguments)
    assert not answered.is_error, answered.content
    answer: dict[str, Any] = answered.structured_content
    return answer


async def test_tools_say_what_they_take_and_do(endpoint: str) -> None:
    """Schemas with limits, hints of what they change, and the scope that the key needs."""
    async with session(endpoint) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert client.instructions
    assert tuple(tools) == (*READING, *WRITING) == tuple(tool.name for tool in TOOLS)
    for name, tool in tools.items():
        assert tool.description
        assert tool.annotations is not None
        writes = name in WRITING
        assert tool.annotations.read_only_hint is not writes
        assert tool.annotations.idempotent_hint is True
        assert tool.annotations.open_world_hint is False
        assert tool.annotations.destructive_hint is (True if writes else None)
        assert tool.meta == {"quartzdb/scope": "write" if writes else "read"}
        assert tool.input_schema["additionalProperties"] is False
        assert tool.output_schema is not None
    properties = tools["search"].input_schema["properties"]
    assert (properties["top_k"]["minimum"], properties["top_k"]["maximum"]) == (1, 50)
    assert tools["fetch"].input_schema["properties"]["ids"]["maxItems"] == 50


async def test_search_by_vector_words_both_and_likeness(endpoint: str, books: str) -> None:
    """With what was asked for of each record, and the receipt."""
    near = await _asked(endpoint, "search", namespace=books, vector=[1, 0, 0], top_k=2)
    assert [match["id"] for match in near["matches"]] == ["dune", "ubik"]
    assert near["matches"][0]["metadata"]["by"] == {"name": "Herbert"}
    assert "vector" not in near["matches"][0]
    assert near["mode"] == "exact"
    assert near["usage"] == {"read_units": 1, "write_units": 0}
    words = await _asked(endpoint, "search", namespace=books, text="emma", fields=["by.name", "absent"])
    assert words["matches"] == [
        {"id": "emma", "score": words["matches"][0]["score"], "metadata": {"by": {"name": "Austen"}}}
    ]
    both = await _asked(
        endpoint, "search", namespace=books, text="emma", text_fields=["title"], vector=[1, 0, 0], fields=[]
    )
    assert {match["id"] for match in both["matches"]} == {"dune", "emma", "ubik"}
    assert "metadata" not in both["matches"][0]
    alike = await _asked(
        endpoint, "search", namespace=books, id="dune", filter={"year": {"$gt": 1965}}, include_vectors=True
    )
    assert [match["id"] for match in alike["matches"]] == ["ubik"]
    assert alike["matches"][0]["vector"] == [0.800000012, 0.300000012, 0.100000001]
    distinct = await _asked(endpoint, "search", namespace=books, vector=[1, 0, 0], distinct="by.name")
    assert len(distinct["matches"]) == 3


async def test_arrays_and_objects_may_come_as_json_in_a_string(endpoint: str, books: str) -> None:
    """As some clients send them. A text that looks like JSON stays a text."""
    found = await _asked(endpoint, "search", namespace=books, vector="[0, 0, 1]", filter='{"year": 1815}')
    assert [match["id"] for match in found["matches"]] == ["emma"]
    await _asked(endpoint, "put_value", namespace=books, key="json", value='{"a": 1}')
    assert (await _asked(endpoint, "get_value", namespace=books, key="json"))["value"] == '{"a": 1}'


async def test_fetch_tells_what_is_missing(endpoint: str, books: str) -> None:
    """In the order asked for."""
    answer = await _asked(
        endpoint, "fetch", namespace=books, ids=["ubik", "nobody", "dune"], fields=["year", "by.name"]
    )
    assert [one["id"] for one in answer["records"]] == ["ubik", "dune"]
    assert answer["records"][0]["metadata"] == {"year": 1969, "by": {"name": "Dick"}}
    assert answer["records"][0]["version"]
    assert answer["missing"] == ["nobody"]


async def test_list_goes_in_order_page_by_page(endpoint: str, books: str) -> None:
    """By a field, or by id."""
    first = await _asked(
        endpoint, "list", namespace=books, order_by="year", descending=True, limit=2, fields=["by.name"]
    )
    assert [one["id"] for one in first["records"]] == ["ubik", "dune"]
    assert first["records"][0]["metadata"] == {"by": {"name": "Dick"}}
    assert first["usage"] == {"read_units": 1, "write_units": 0}
    rest = await _asked(
        endpoint, "list", namespace=books, order_by="year", descending=True, limit=5, cursor=first["cursor"]
    )
    assert [one["id"] for one in rest["records"]] == ["emma"]
    assert "cursor" not in rest
    some = await _asked(endpoint, "list", namespace=books, filter={"by.name": {"$in": ["Dick", "Austen"]}})
    assert [one["id"] for one in some["records"]] == ["emma", "ubik"]


async def test_namespaces_are_listed_and_described(endpoint: str, books: str) -> None:
    """With what they can be searched by, and the fields for filters."""
    listed = await _asked(endpoint, "list_namespaces", prefix=books)
    [found] = [one for one in listed["namespaces"] if one["name"] == books]
    assert (found["dimension"], found["text_fields"]) == (3, ["title"])
    answer = await _asked(endpoint, "describe_namespace", namespace=books)
    assert (answer["records"], answer["keys"]) == (3, 1)
    assert answer["search_by"][0] == "text: words in title"
    assert "hybrid" in answer["search_by"][-1]
    [year] = [one for one in answer["fields"] if one["field"] == "year"]
    assert year == {
        "field": "year",
        "records": 3,
        "values": [{"type": "number", "count": 3, "min": 1815, "max": 1969}],
    }
    one = await _asked(endpoint, "list_namespaces", limit=1, prefix="test-")
    assert len(one["namespaces"]) == 1


async def test_values_are_read_and_written(endpoint: str, client: Database, books: str) -> None:
    """With conditions; bytes that are no text are not shown."""
    assert (await _asked(endpoint, "get_value", namespace=books, key="greeting"))["value"] == "good morning"
    put = await _asked(
        endpoint, "put_value", namespace=books, key="a/b", value="{}", content_type="application/json"
    )
    got = await _asked(endpoint, "get_value", namespace=books, key="a/b")
    assert got == {
        "key": "a/b",
        "value": "{}",
        "content_type": "application/json",
        "bytes": 2,
        "version": put["version"],
        "usage": {"read_units": 1, "write_units": 0},
    }
    again = await _asked(
        endpoint,
        "put_value",
        namespace=books,
        key="a/b",
        value="2",
        if_version=put["version"],
        ttl_seconds=60,
    )
    assert again["usage"]["write_units"] == 1
    assert (await _asked(endpoint, "get_value", namespace=books, key="a/b"))["expires_at"]
    client.namespace(books).kv.put("bytes", b"\xff\x00")
    hidden = await _asked(endpoint, "get_value", namespace=books, key="bytes")
    assert "value" not in hidden
    assert hidden["bytes"] == 2
    assert hidden["notes"] == ["The value is no text, and is not shown."]


async def test_records_are_written_and_deleted(endpoint: str, client: Database, books: str) -> None:
    """By id."""
    written = await _asked(
        endpoint,
        "upsert",
        namespace=books,
        records=[{"id": "mars", "vector": [1, 1, 0], "metadata": {"title": "Mars"}, "if_absent": True}],
    )
    assert (written["upserted"], written["usage"]["write_units"]) == (1, 1)
    assert client.namespace(books).get("mars").metadata == {"title": "Mars"}
    deleted = await _asked(endpoint, "delete", namespace=books, ids=["mars", "nobody"])
    assert deleted["deleted"] == 1
    assert client.namespace(books).count().count == 3


async def test_namespaces_are_resources(endpoint: str, books: str) -> None:
    """Each is its description."""
    async with session(endpoint) as client:
        listed = (await client.list_resources()).resources
        assert f"quartzdb://namespaces/{books}" in [str(one.uri) for one in listed]
        [template] = (await client.list_resource_templates()).resource_templates
        assert template.uri_template == "quartzdb://namespaces/{name}"
        [content] = (await client.read_resource(f"quartzdb://namespaces/{books}")).contents
    assert '"records":3' in content.model_dump()["text"]


async def test_all_works_on_stdio_too(books: str) -> None:
    """As an agent on the same machine starts it."""
    async with Client(stdio("--write", "--tools", "search,upsert")) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["search", "upsert"]
        found = await client.call_tool("search", {"namespace": books, "text": "dune"})
        assert found.structured_content["matches"][0]["id"] == "dune"
        kept_out = await client.call_tool("delete", {"namespace": books, "ids": ["dune"]})
        assert kept_out.is_error
        assert kept_out.meta["quartzdb/error"]["code"] == "not_offered"
        key = os.environ["QUARTZDB_API_KEY"]
        assert key not in found.model_dump_json()
