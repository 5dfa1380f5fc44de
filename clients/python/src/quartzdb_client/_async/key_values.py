"""Key-values of a namespace: any bytes in, the same bytes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from quartzdb_client._async.changes import WAIT_SECONDS, AsyncChanges
from quartzdb_client._async.pages import AsyncPages
from quartzdb_client.calls import JSON, Call, answer_of, body_of, path_of, query_of
from quartzdb_client.freshness import LastWritten, Written, freshness
from quartzdb_client.items import Found, Item, ItemChange, condition, item_of, item_to_put
from quartzdb_client.moments import Moment
from quartzdb_client.questions import feed_place
from quartzdb_client.types import (
    ItemPage,
    ItemPut,
    ItemsDeleted,
    ItemsFound,
    ItemsPut,
    KeyChangePage,
    KeyDeleted,
)

if TYPE_CHECKING:
    from quartzdb_client._async.transport import AsyncTransport

W = TypeVar("W", bound=Written)


class AsyncKeyValues:
    """Those of one namespace. A value is bytes, or text, which is sent as UTF-8."""

    def __init__(self, transport: AsyncTransport, namespace: str, written: LastWritten | None = None) -> None:
        self._transport = transport
        self._namespace = namespace
        self._written = written

    async def put(
        self,
        key: str,
        value: bytes | str,
        *,
        content_type: str | None = None,
        ttl_seconds: float | None = None,
        if_version: str | None = None,
        if_absent: bool = False,
    ) -> ItemPut:
        """Set a value. Text is told to be text, unless `content_type` says otherwise.

        With `if_version` or `if_absent` it raises PreconditionFailed where another one is there.
        """
        content = value.encode() if isinstance(value, str) else value
        kind = content_type or (
            "text/plain; charset=utf-8" if isinstance(value, str) else "application/octet-stream"
        )
        headers = {"Content-Type": kind, **condition(if_version, if_absent)}
        call = Call(
            "PUT",
            self._path(key),
            answer_of(ItemPut),
            query_of(ttl_seconds=ttl_seconds),
            headers,
            content,
            writes=True,
        )
        return await self._write(call)

    async def get(self, key: str, *, consistency: str | None = None, version: str | None = None) -> Item:
        """A value with its type and version. Raises NotFound."""
        query = query_of(**self._fresh(consistency, version))
        return await self._transport.send(
            Call("GET", self._path(key), lambda answer: item_of(key, answer), query)
        )

    async def head(self, key: str, *, consistency: str | None = None, version: str | None = None) -> Item:
        """The type, version and expiry of a value, without the value. Raises NotFound."""
        query = query_of(**self._fresh(consistency, version))
        return await self._transport.send(
            Call("HEAD", self._path(key), lambda answer: item_of(key, answer, with_value=False), query)
        )

    async def delete(self, key: str, *, if_version: str | None = None) -> KeyDeleted:
        """Delete a key; one that is not there is no error, and said."""
        headers = condition(if_version, if_absent=False)
        call = Call("DELETE", self._path(key), answer_of(KeyDeleted), {}, headers, writes=True)
        return await self._write(call)

    def list(
        self,
        *,
        prefix: str | None = None,
        values: bool = False,
        page_size: int | None = None,
        cursor: str | None = None,
        consistency: str | None = None,
        version: str | None = None,
    ) -> AsyncPages[ItemPage, Item]:
        """All keys in order, with `values` also these; pages are asked for as they are needed."""

        async def ask(cursor: str | None) -> ItemPage:
            query = query_of(
                prefix=prefix,
                limit=page_size,
                cursor=cursor,
                values=values or None,
                **self._fresh(consistency, version),
            )
            call = Call("GET", path_of("namespaces", self._namespace, "kv"), answer_of(ItemPage), query)
            return await self._transport.send(call)

        return AsyncPages(ask, lambda page: [Item.of(one, page.usage) for one in page.items], cursor)

    def changes(
        self,
        cursor: str | None = None,
        *,
        from_beginning: bool = False,
        since: Moment | None = None,
        values: bool = False,
        page_size: int | None = None,
        wait_seconds: float = WAIT_SECONDS,
        follow: bool = True,
    ) -> AsyncChanges[KeyChangePage, ItemChange]:
        """Which keys change from now on, with `values` also these: as `changes` of records."""
        query = query_of(limit=page_size, values=values or None)
        wait = self._transport.wait(wait_seconds) if follow else None
        path = path_of("namespaces", self._namespace, "kv-changes")

        async def ask(cursor: str | None) -> KeyChangePage:
            place = feed_place(cursor, from_beginning, since, wait)
            return await self._transport.send(Call("GET", path, answer_of(KeyChangePage), {**query, **place}))

        return AsyncChanges(ask, lambda page: map(ItemChange.of, page.changes), cursor, follow=follow)

    async def put_many(
        self, items: Mapping[str, bytes | str] | Sequence[Mapping[str, Any]], *, version: str | None = None
    ) -> ItemsPut:
        """Set several values, all or none: by key, or items of the API with `ttl_seconds` and the like."""
        sent = (
            [item_to_put(key, value) for key, value in items.items()]
            if isinstance(items, Mapping)
            else list(items)
        )
        content = body_of(items=sent, version=version)
        call = Call("POST", self._batch("put"), answer_of(ItemsPut), {}, JSON, content, writes=True)
        return await self._write(call)

    async def get_many(
        self, keys: Sequence[str], *, consistency: str | None = None, version: str | None = None
    ) -> Found:
        """The items of several keys, and which keys have none."""
        content = body_of(keys=list(keys), **self._fresh(consistency, version))
        found = await self._transport.send(
            Call("POST", self._batch("get"), answer_of(ItemsFound), {}, JSON, content)
        )
        return Found([Item.of(one, found.usage) for one in found.items], found.missing, found.usage)

    async def delete_many(self, keys: Sequence[str], *, version: str | None = None) -> ItemsDeleted:
        """Delete several keys, all or none."""
        content = body_of(keys=list(keys), version=version)
        call = Call("POST", self._batch("delete"), answer_of(ItemsDeleted), {}, JSON, content, writes=True)
        return await self._write(call)

    async def _write(self, call: Call[W]) -> W:
        answer = await self._transport.send(call)
        if self._written is not None:
            self._written.note(self._namespace, answer.version)
        return answer

    def _path(self, key: str) -> str:
        return path_of("namespaces", self._namespace, "kv", key)

    def _batch(self, what: str) -> str:
        return path_of("namespaces", self._namespace, "kv-batch", what)

    def _fresh(self, consistency: str | None, version: str | None) -> dict[str, str]:
        return freshness(self._written, self._namespace, consistency, version)
