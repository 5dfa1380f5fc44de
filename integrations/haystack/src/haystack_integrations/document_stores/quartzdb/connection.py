"""The two clients of one database, made when they are first needed."""

from __future__ import annotations

import asyncio
from functools import cached_property

from haystack.utils import Secret

from quartzdb_client import AsyncClient, Client


class Connection:
    """A database, synchronous and asynchronous. The URL is taken from QUARTZDB_URL where none is given."""

    def __init__(self, url: str | None, api_key: Secret) -> None:
        self._url = url
        self._api_key = api_key
        # Connections belong to the event loop that opened them, and a store may be used in several, one after another.
        self._by_loop: dict[asyncio.AbstractEventLoop, AsyncClient] = {}

    @cached_property
    def client(self) -> Client:
        """For threads. Raises ValueError where the key is not there, InvalidRequest where there is no URL."""
        return Client(self._url, api_key=self._api_key.resolve_value())

    @property
    def async_client(self) -> AsyncClient:
        """For the event loop that runs. Raises as `client` does."""
        loop = asyncio.get_running_loop()
        if loop not in self._by_loop:
            for ended in [one for one in self._by_loop if one.is_closed()]:
                del self._by_loop[ended]  # its connections end with it
            self._by_loop[loop] = AsyncClient(self._url, api_key=self._api_key.resolve_value())
        return self._by_loop[loop]
