"""The cache of what models answer: LangChain's tests of such caches, and what they do not ask."""

from __future__ import annotations

import logging

import pytest
from langchain_core.caches import BaseCache
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration
from langchain_core.prompts import PromptTemplate
from langchain_tests.integration_tests import AsyncCacheTestSuite, SyncCacheTestSuite

from langchain_quartzdb import QuartzDBByteStore, QuartzDBCache
from quartzdb_client import Client


class TestStandard(SyncCacheTestSuite):
    """As LangChain has them."""

    @pytest.fixture
    def cache(self, namespace: str) -> BaseCache:
        return QuartzDBCache(namespace)


class TestStandardAsync(AsyncCacheTestSuite):
    """As LangChain has them."""

    @pytest.fixture
    async def cache(self, namespace: str) -> BaseCache:
        return QuartzDBCache(namespace)


def test_a_model_is_asked_once(namespace: str) -> None:
    """Of two equal questions the second is answered from the cache; after `clear` the model is asked again."""
    cache = QuartzDBCache(namespace)
    model = FakeListChatModel(responses=["first", "second"], cache=cache)
    assert [model.invoke("How?").content for _ in range(2)] == ["first", "first"]
    cache.clear()
    assert model.invoke("How?").content == "second"


def test_messages_come_back_whole(namespace: str) -> None:
    """With what their models said beside the text."""
    answer = ChatGeneration(message=AIMessage("Yes.", response_metadata={"model": "m"}, id="run-1"))
    QuartzDBCache(namespace).update("Is it?", "m", [answer])
    assert QuartzDBCache(namespace).lookup("Is it?", "m") == [answer]


def test_only_its_own_keys_are_cleared(namespace: str) -> None:
    """Others in the namespace stay."""
    QuartzDBByteStore(namespace).mset([("mine", b"1")])
    cache = QuartzDBCache(namespace)
    cache.update("a", "m", [ChatGeneration(message=AIMessage("b"))])
    cache.clear()
    assert list(QuartzDBByteStore(namespace).yield_keys()) == ["mine"]


def test_nothing_else_is_made_of_what_is_found(
    namespace: str, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """What is no answer of a model is not made, and the model is asked: it is said in the log."""
    import json

    from langchain_core.load import dumps

    cache = QuartzDBCache(namespace)
    cache.update("a", "m", [ChatGeneration(message=AIMessage("b"))])
    [key] = [item.key for item in client.namespace(namespace).kv.list()]
    prompt = dumps(PromptTemplate.from_template("{a}"))
    client.namespace(namespace).kv.put(key, json.dumps([prompt]).encode())
    with caplog.at_level(logging.WARNING):
        assert cache.lookup("a", "m") is None
    assert "cannot be read" in caplog.text
