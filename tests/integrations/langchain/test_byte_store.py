"""Key-values: LangChain's tests of such stores, and what they do not ask."""

from __future__ import annotations

import pytest
from langchain_core.stores import BaseStore
from langchain_tests.integration_tests import BaseStoreAsyncTests, BaseStoreSyncTests

from langchain_quartzdb import QuartzDBByteStore
from quartzdb_client import Client, InvalidRequest

THREE = (b"one", b"\x00\xff", b"")


class TestStandard(BaseStoreSyncTests[bytes]):
    """As LangChain has them."""

    @pytest.fixture
    def kv_store(self, namespace: str) -> BaseStore[str, bytes]:
        return QuartzDBByteStore(namespace)

    @pytest.fixture
    def three_values(self) -> tuple[bytes, bytes, bytes]:
        return THREE


class TestStandardAsync(BaseStoreAsyncTests[bytes]):
    """As LangChain has them."""

    @pytest.fixture
    async def kv_store(self, namespace: str) -> BaseStore[str, bytes]:
        return QuartzDBByteStore(namespace)

    @pytest.fixture
    def three_values(self) -> tuple[bytes, bytes, bytes]:
        return THREE


def test_more_than_a_request_carries(namespace: str, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and bytes beyond one request are sent in several; a key that comes twice has its last value."""
    monkeypatch.setattr("langchain_quartzdb.byte_store.BATCH_BYTES", 100_000)
    store = QuartzDBByteStore(namespace, client=client)
    store.mset([(f"{n:04}", b"small") for n in range(1_001)] + [("0000", b"last")])
    store.mset([("large-1", bytes(60_000)), ("large-2", bytes(60_000))])
    keys = list(store.yield_keys())
    assert len(keys) == 1_003
    assert [len(value or b"") for value in store.mget(["large-1", "large-2"])] == [60_000] * 2
    assert store.mget(keys[:1_001]) == [b"last"] + [b"small"] * 1_000
    store.mdelete(keys)
    assert list(store.yield_keys()) == []


def test_a_namespace_of_records_may_have_them_too(namespace: str, client: Client) -> None:
    """What is there is used as it is."""
    client.create_namespace(namespace, dimension=3, metric="dot")
    QuartzDBByteStore(namespace).mset([("a", b"1")])
    assert client.namespace(namespace).describe().dimension == 3


def test_values_end(namespace: str, client: Client) -> None:
    """With `ttl_seconds` each value has an end."""
    QuartzDBByteStore(namespace, ttl_seconds=3_600).mset([("a", b"1")])
    assert client.namespace(namespace).kv.get("a").expires_at is not None


def test_nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a URL it says what to set, when it is first used."""
    monkeypatch.delenv("QUARTZDB_URL")
    with pytest.raises(InvalidRequest, match="QUARTZDB_URL"):
        QuartzDBByteStore("anywhere").mget(["a"])
