"""One client of the database: a connection that is kept, and requests as any program would send them."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit


class NoAnswer(Exception):
    """The connection broke, or nothing came in time. Whether the request was carried out is not known."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whole. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(slots=True)
class Client:
    """Not thread-safe: each thread has its own. `headers` go with every request."""

    url: str
    headers: Mapping[str, str]
    timeout_seconds: float = 10.0
    _connection: http.client.HTTPConnection | None = field(default=None, init=False)

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Reply:
        """One request, tried once. Raises NoAnswer."""
        sent = dict(self.headers)
        data = None
        if body is not None:
            sent["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        try:
            if self._connection is None:
                work = urlsplit(self.url)
                assert work.hostname is not None
                self._connection = http.client.HTTPConnection(
                    work.hostname, work.port, timeout=self.timeout_seconds
                )
            self._connection.request(method, path, data, sent)
            answer = self._connection.getresponse()
            reply = Reply(
                answer.status,
                {name.lower(): value for name, value in answer.getheaders()},
                answer.read(),
            )
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NoAnswer(f"{method} {path}: {error!r}") from error
        if answer.will_close:
            self.close()
        return reply

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the connection go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
