"""A real server process for tests, with a client for it."""

from __future__ import annotations

import httpx

from local.server_process import STOP_SECONDS_MAX
from local.server_process import ServerProcess as LocalServerProcess

__all__ = ["STOP_SECONDS_MAX", "ServerProcess"]


class ServerProcess(LocalServerProcess):
    """`quartzdb serve` on a free port."""

    def client(self, key: str | None = None) -> httpx.Client:
        """A client that sends the key."""
        headers = {"Authorization": f"Bearer {key or self.key}"}
        return httpx.Client(base_url=f"{self.url}/v1", headers=headers, timeout=30)
