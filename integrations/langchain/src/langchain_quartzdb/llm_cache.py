"""A cache of what models answered, in the key-values of one namespace."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from typing import Any

from langchain_core.caches import BaseCache
from langchain_core.load import Serializable, dumps, loads
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, Generation, GenerationChunk

from langchain_quartzdb.byte_store import QuartzDBByteStore
from quartzdb_client import AsyncClient, Client

logger = logging.getLogger(__name__)

_MADE_OF: list[type[Serializable]] = [
    AIMessage,
    AIMessageChunk,
    ChatGeneration,
    ChatGenerationChunk,
    ChatMessage,
    FunctionMessage,
    Generation,
    GenerationChunk,
    HumanMessage,
    SystemMessage,
    ToolMessage,
]
"""Nothing else is made of what is found: who may write to the namespace can have no other class made in a reader."""


class QuartzDBCache(BaseCache):
    """Answers of models, by prompt and model. With `ttl_seconds` they end by themselves.

    The namespace is made with the first answer. Its keys begin with `prefix`, and `clear` deletes those.
    """

    def __init__(
        self,
        namespace: str = "langchain-cache",
        *,
        prefix: str = "llm/",
        ttl_seconds: float | None = None,
        url: str | None = None,
        api_key: str | None = None,
        client: Client | None = None,
        async_client: AsyncClient | None = None,
    ) -> None:
        self._store = QuartzDBByteStore(
            namespace,
            ttl_seconds=ttl_seconds,
            url=url,
            api_key=api_key,
            client=client,
            async_client=async_client,
        )
        self._prefix = prefix

    def lookup(self, prompt: str, llm_string: str) -> Sequence[Generation] | None:
        """What that model answered to the prompt; None where nothing is known."""
        [value] = self._store.mget([self._key(prompt, llm_string)])
        return _answer_of(value)

    async def alookup(self, prompt: str, llm_string: str) -> Sequence[Generation] | None:
        """The same, to be awaited."""
        [value] = await self._store.amget([self._key(prompt, llm_string)])
        return _answer_of(value)

    def update(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """Remember an answer."""
        self._store.mset([(self._key(prompt, llm_string), _value_of(return_val))])

    async def aupdate(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """The same, to be awaited."""
        await self._store.amset([(self._key(prompt, llm_string), _value_of(return_val))])

    def clear(self, **kwargs: Any) -> None:  # noqa: ARG002  # BaseCache has it so
        """Forget all answers."""
        self._store.mdelete(list(self._store.yield_keys(prefix=self._prefix)))

    async def aclear(self, **kwargs: Any) -> None:  # noqa: ARG002  # likewise
        """The same, to be awaited."""
        await self._store.amdelete([key async for key in self._store.ayield_keys(prefix=self._prefix)])

    def _key(self, prompt: str, llm_string: str) -> str:
        return self._prefix + hashlib.sha256(json.dumps([llm_string, prompt]).encode()).hexdigest()


def _value_of(answer: Sequence[Generation]) -> bytes:
    return json.dumps([dumps(one) for one in answer]).encode()


def _answer_of(value: bytes | None) -> Sequence[Generation] | None:
    if value is None:
        return None
    try:
        return [loads(one, allowed_objects=_MADE_OF) for one in json.loads(value)]
    except (ValueError, TypeError, KeyError) as error:
        # Of another version of LangChain, say: asking the model again puts it right.
        logger.warning("A remembered answer cannot be read, and the model is asked again: %s", error)
        return None
