"""The database that the tools work on: how it is reached, and how large an answer may be.

HAZARD: the key is in the client's headers and nowhere else: no answer, error or log line may have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from quartzdb_client import AsyncClient
from quartzdb_client.embedded import KEY, URL, opened_async
from quartzdb_mcp import receipts
from quartzdb_mcp.names import ANSWER_CHARACTERS

TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Database:
    """What a tool gets. `characters` is the most that its answer may have, as JSON."""

    client: AsyncClient
    characters: int = ANSWER_CHARACTERS


@dataclass(frozen=True, slots=True)
class Served:
    """A database behind a URL."""

    url: str
    api_key: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("The URL must begin with http:// or https://, like http://127.0.0.1:8787.")
        if parts.username or parts.password:
            # It would be told in errors.
            raise ValueError("The URL must have no user or password in it: the key is QUARTZDB_API_KEY.")

    def __repr__(self) -> str:
        return f"Served({self.url!r})"

    def open(self) -> AsyncClient:
        """A client. Nothing is sent yet."""
        hooks = {"response": [receipts.count]}
        return AsyncClient(
            self.url,
            api_key=self.api_key,
            timeout_seconds=TIMEOUT_SECONDS,
            http=httpx2.AsyncClient(event_hooks=hooks),
        )


@dataclass(frozen=True, slots=True)
class Embedded:
    """A data directory, opened in this process. It is made where there is none."""

    path: Path

    def open(self) -> AsyncClient:
        """A client. Raises ImportError without the package `quartzdb`, QuartzDBError where it cannot be opened."""
        http = opened_async(self.path)
        http.event_hooks = {"response": [receipts.count]}
        return AsyncClient(URL, api_key=KEY, timeout_seconds=TIMEOUT_SECONDS, http=http)
