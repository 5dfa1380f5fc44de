"""The client: namespaces of one database."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from quartzdb_client._async.keys import AsyncKeys
from quartzdb_client._async.namespace import AsyncNamespace
from quartzdb_client._async.pages import AsyncPages
from quartzdb_client.calls import JSON, Call, answer_of, body_of, path_of, query_of
from quartzdb_client.errors import InvalidRequest
from quartzdb_client.freshness import LastWritten
from quartzdb_client.retries import Retries
from quartzdb_client.types import (
    Health,
    NamespaceDeleted,
    NamespacePage,
    NamespaceSummary,
    TextFieldSettings,
    Usage,
)
from quartzdb_client.version import USER_AGENT

if TYPE_CHECKING:
    import httpx2

TIMEOUT_SECONDS = 30.0


class AsyncClient:
    """A database at a URL, as one key may use it.

    `url` and `api_key` are taken from QUARTZDB_URL and QUARTZDB_API_KEY where they are not given. `timeout_seconds`
    bounds each call, its retries included; `retries` says how often. With `read_your_writes` each read includes what
    this client wrote to the namespace before, on whichever cloud it lands. `http` is a client of httpx2 with settings
    of your own (proxies, certificates); it is closed with this one.

    Raises InvalidRequest where there is no key or URL.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retries: Retries | None = None,
        read_your_writes: bool = False,
        headers: Mapping[str, str] | None = None,
        http: httpx2.AsyncClient | None = None,
    ) -> None:
        import httpx2

        from quartzdb_client._async.transport import AsyncTransport

        url = url or os.environ.get("QUARTZDB_URL")
        api_key = api_key or os.environ.get("QUARTZDB_API_KEY")
        if not url:
            raise InvalidRequest("There is no URL.", hint="Give one, or set QUARTZDB_URL.")
        if not api_key:
            raise InvalidRequest("There is no key.", hint="Give `api_key`, or set QUARTZDB_API_KEY.")
        self._transport = AsyncTransport(
            http or httpx2.AsyncClient(),
            url.rstrip("/").removesuffix("/v1"),
            {**(headers or {}), "Authorization": f"Bearer {api_key}", "User-Agent": USER_AGENT},
            timeout_seconds=timeout_seconds,
            retries=retries or Retries(),
        )
        self._written = LastWritten() if read_your_writes else None

    @classmethod
    def embedded(cls, path: str | os.PathLike[str], **options: Any) -> AsyncClient:
        """The database in a directory, opened in this process: no server. Needs the package `quartzdb`.

        The directory is made where there is none. `options` are those of the client. Close it: until then no other
        process can write there.
        """
        from quartzdb_client.embedded import KEY, URL, opened_async

        return cls(URL, api_key=KEY, http=opened_async(path), **options)

    @property
    def keys(self) -> AsyncKeys:
        """API keys, for a key with the scope `admin`."""
        return AsyncKeys(self._transport)

    async def create_namespace(
        self,
        name: str,
        *,
        dimension: int | None = None,
        metric: str | None = None,
        engine: str | None = None,
        precision: str | None = None,
        shards: int | None = None,
        purge_after_days: int | None = None,
        key_history: bool | None = None,
        text: Mapping[str, TextFieldSettings] | Sequence[str] | None = None,
        sparse: Sequence[str] | None = None,
        **settings: Any,
    ) -> AsyncNamespace:
        """Make a namespace. The same one twice is no error; with other settings it is a Conflict.

        What is not given is as the server has it: cosine, f32, one shard. Without a `dimension` records have no
        vectors. `text` are the fields of metadata that are searched as words, each with its settings or none;
        `sparse` those that hold sparse vectors. Without any of the three it has key-values only. With `key_history`
        its feed tells every change of these. `settings` are sent as they are.
        """
        content = body_of(
            name=name,
            dimension=dimension,
            metric=metric,
            engine=engine,
            precision=precision,
            shards=shards,
            purge_after_days=purge_after_days,
            key_history=key_history,
            text=text if text is None or isinstance(text, Mapping) else {field: {} for field in text},
            sparse=None if sparse is None else list(sparse),
            **settings,
        )
        made = await self._transport.send(
            Call("POST", path_of("namespaces"), answer_of(NamespaceSummary), {}, JSON, content, writes=True)
        )
        return self.namespace(made.name)

    def namespace(self, name: str) -> AsyncNamespace:
        """A namespace that is there; nothing is sent."""
        return AsyncNamespace(self._transport, name, self._written)

    def list_namespaces(
        self, *, prefix: str | None = None, page_size: int | None = None, cursor: str | None = None
    ) -> AsyncPages[NamespacePage, NamespaceSummary]:
        """All of them in order; pages are asked for as they are needed."""

        async def ask(cursor: str | None) -> NamespacePage:
            query = query_of(prefix=prefix, limit=page_size, cursor=cursor)
            call = Call("GET", path_of("namespaces"), answer_of(NamespacePage), query)
            return await self._transport.send(call)

        return AsyncPages(ask, lambda page: page.namespaces, cursor)

    async def delete_namespace(self, name: str) -> NamespaceDeleted:
        """Delete a namespace with all that it has. Raises NotFound."""
        return await self.namespace(name).delete_namespace()

    async def usage(self, *, prefix: str | None = None) -> Usage:
        """What namespaces hold: records, keys and bytes. The first page, of those with the prefix."""
        return await self._transport.send(
            Call("GET", path_of("usage"), answer_of(Usage), query_of(prefix=prefix))
        )

    async def health(self) -> Health:
        """Whether the server can serve. Raises ServerError where it cannot."""
        return await self._transport.send(Call("GET", path_of("health"), answer_of(Health)))

    async def aclose(self) -> None:
        """End its connections."""
        await self._transport.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
