"""A key-value store of bytes, in the key-values of one namespace."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.stores import ByteStore

from langchain_quartzdb.batches import parts
from langchain_quartzdb.connection import Connection
from quartzdb_client import AsyncClient, Client, NotFound

BATCH_SIZE = 1_000
"""Keys of one request, at most."""
BATCH_BYTES = 8 * 1024 * 1024
"""Values of one request: the next one has what comes after."""


class QuartzDBByteStore(ByteStore):
    """Bytes by key. The namespace is made with the first value, and until then everything is missing.

    With `ttl_seconds` values end by themselves, so long after they were set.
    """

    def __init__(
        self,
        namespace: str,
        *,
        ttl_seconds: float | None = None,
        url: str | None = None,
        api_key: str | None = None,
        client: Client | None = None,
        async_client: AsyncClient | None = None,
    ) -> None:
        self._connection = Connection(url, api_key, client, async_client)
        self._namespace = namespace
        self._ttl_seconds = ttl_seconds

    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values in the order of the keys; None where there is none."""
        kv = self._connection.client.namespace(self._namespace).kv
        found: dict[str, bytes | None] = {}
        try:
            for part in parts(_distinct(keys), BATCH_SIZE):
                found.update((item.key, item.value) for item in kv.get_many(part).items)
        except NotFound:  # the namespace
            found = {}
        return [found.get(key) for key in keys]

    async def amget(self, keys: Sequence[str]) -> list[bytes | None]:
        """The same, to be awaited."""
        kv = self._connection.async_client.namespace(self._namespace).kv
        found: dict[str, bytes | None] = {}
        try:
            for part in parts(_distinct(keys), BATCH_SIZE):
                found.update((item.key, item.value) for item in (await kv.get_many(part)).items)
        except NotFound:  # the namespace
            found = {}
        return [found.get(key) for key in keys]

    def mset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        """Set values. Those of one request are set together or not at all, up to 1,000 and 8 MiB."""
        client = self._connection.client
        for part in self._items(key_value_pairs):
            try:
                client.namespace(self._namespace).kv.put_many(part)
            except NotFound:
                client.create_namespace(self._namespace, dimension=1).kv.put_many(part)

    async def amset(self, key_value_pairs: Sequence[tuple[str, bytes]]) -> None:
        """The same, to be awaited."""
        client = self._connection.async_client
        for part in self._items(key_value_pairs):
            try:
                await client.namespace(self._namespace).kv.put_many(part)
            except NotFound:
                made = await client.create_namespace(self._namespace, dimension=1)
                await made.kv.put_many(part)

    def mdelete(self, keys: Sequence[str]) -> None:
        """Delete keys; one that is not there is no error."""
        kv = self._connection.client.namespace(self._namespace).kv
        try:
            for part in parts(_distinct(keys), BATCH_SIZE):
                kv.delete_many(part)
        except NotFound:
            return  # no namespace: nothing is there

    async def amdelete(self, keys: Sequence[str]) -> None:
        """The same, to be awaited."""
        kv = self._connection.async_client.namespace(self._namespace).kv
        try:
            for part in parts(_distinct(keys), BATCH_SIZE):
                await kv.delete_many(part)
        except NotFound:
            return  # no namespace: nothing is there

    def yield_keys(self, *, prefix: str | None = None) -> Iterator[str]:
        """The keys in order, asked for as they are needed."""
        kv = self._connection.client.namespace(self._namespace).kv
        try:
            for item in kv.list(prefix=prefix):
                yield item.key
        except NotFound:
            return  # no namespace: no keys

    async def ayield_keys(self, *, prefix: str | None = None) -> AsyncIterator[str]:
        """The same, asynchronously."""
        kv = self._connection.async_client.namespace(self._namespace).kv
        try:
            async for item in kv.list(prefix=prefix):
                yield item.key
        except NotFound:
            return  # no namespace: no keys

    def _items(self, pairs: Sequence[tuple[str, bytes]]) -> Iterator[list[Mapping[str, Any]]]:
        """As they are sent, in as many requests as it takes. Of a key that comes twice the last value counts."""
        part: list[Mapping[str, Any]] = []
        size = 0
        for key, value in dict(pairs).items():
            if part and (len(part) == BATCH_SIZE or size + len(value) > BATCH_BYTES):
                yield part
                part, size = [], 0
            item: dict[str, Any] = {"key": key, "value_base64": b64encode(value).decode("ascii")}
            if self._ttl_seconds is not None:
                item["ttl_seconds"] = self._ttl_seconds
            part.append(item)
            size += len(value)
        if part:
            yield part


def _distinct(keys: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(keys))
