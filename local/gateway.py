"""HTTPS requests to the names that a deployment got, which no resolver knows: all are the emulator's."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from local.work_directory import WorkDirectory

_TIMEOUT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whole. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Client:
    """Of one URL of a deployment, with an API key or without."""

    work: WorkDirectory
    url: str
    key: str | None = None

    def send(
        self,
        method: str,
        path: str,
        body: bytes | Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One request on a connection of its own; `path` goes out as it is, percent signs and all."""
        sent = {"Host": urlsplit(self.url).hostname or "", **(headers or {})}
        if self.key is not None:
            sent["Authorization"] = f"Bearer {self.key}"
        if isinstance(body, Mapping):
            sent["Content-Type"] = "application/json"
            body = json.dumps(body).encode()
        trusted = ssl.create_default_context(cafile=self.work.certificate)
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.work.port, timeout=_TIMEOUT_SECONDS, context=trusted
        )
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, names, answer.read())
        finally:
            connection.close()
