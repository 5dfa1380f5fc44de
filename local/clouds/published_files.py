"""Stands in for the bucket that the edge reads the routing state from: files of one folder over HTTP, on loopback."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

from local.quiet_server import serving


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the edge asks every few seconds."""


@contextmanager
def published_files(folder: Path) -> Iterator[str]:
    """The address of the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    handler = functools.partial(_Handler, directory=str(folder))
    with serving(handler) as url:
        yield url
