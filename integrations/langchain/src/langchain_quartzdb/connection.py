"""The two clients of one database, made when they are first needed."""

from __future__ import annotations

import asyncio
from functools import cached_property

from quartzdb_client import AsyncClient, Client


class Connection:
    """A database, synchronous and asynchronous. What is not given is taken from QUARTZDB_URL and QUARTZDB_API_KEY."""

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        client: Client | None = None,
        async_client: AsyncClient | None = None,
    ) -> None:
        self._url = url
        self._api_key = api_key
        self._client = client
        self._async_client = async_client
        # Connections belong to the event loop that opened them, and a store may be used in several, one after another.
        self._by_loop: dict[asyncio.AbstractEventLoop, AsyncClient] = {}

    @cached_property
    def client(self) -> Client:
        """For threads. Raises InvalidRequest where there is no URL or key."""
        return self._client or Client(self._url, api_key=self._api_key)

    @property
    def async_client(self) -> AsyncClient:
        """For the event loop that runs. Raises InvalidRequest where there is no URL or key."""
        if self._async_client is not None:
            return self._async_client
        loop = asyncio.get_running_loop()
        if loop not in self._by_loop:
            for ended in [one for one in self._by_loop if one.is_closed()]:
                del self._by_loop[ended]  # its connections end with it
            self._by_loop[loop] = AsyncClient(self._url, api_key=self._api_key)
        return self._by_loop[loop]
