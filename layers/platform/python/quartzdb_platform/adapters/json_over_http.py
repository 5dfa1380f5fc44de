"""JSON documents of another server, asked for within a deadline and a number of bytes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from quartzdb.domain.errors import InvalidArgument, Unavailable
from quartzdb.net.endpoint import Endpoint, authority_of, endpoint_of
from quartzdb.net.hard_deadline import Deadline
from quartzdb.net.http_client import HttpClient, Unanswered

ANSWER_BYTES_MAX = 8 * 1024 * 1024
SECONDS_MAX = 10.0


class JsonAnswer(NamedTuple):
    """A status, and the document; None where there was no content."""

    status: int
    document: Any


class JsonOverHttp:
    """To one base URL, https but for this machine. Thread-safe. `headers` go with every request."""

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoint, self._path = _place(base_url)
        self._headers = dict(headers or {})
        self._monotonic = monotonic
        self._client = HttpClient()

    def ask(self, method: str, path: str = "", body: object = None) -> JsonAnswer:
        """One request, sent once. Raises Unavailable where no JSON comes back in time and within bounds."""
        content = b"" if body is None else json.dumps(body).encode()
        headers = {
            "Host": authority_of(self._endpoint),
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            **self._headers,
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            answer = self._client.send(
                self._endpoint,
                method,
                self._path + path,
                headers.items(),
                content,
                deadline=Deadline(SECONDS_MAX, self._monotonic),
                answer_bytes_max=ANSWER_BYTES_MAX,
                again=False,
            )
        except Unanswered as error:
            raise self._silent(str(error)) from error
        if not answer.complete:
            raise self._silent(f"it sends more than {ANSWER_BYTES_MAX} bytes")
        if not answer.body:
            return JsonAnswer(answer.status, None)
        try:
            return JsonAnswer(answer.status, json.loads(answer.body))
        except ValueError as error:
            raise self._silent(f"it answers {answer.status} with what is no JSON") from error

    def _silent(self, why: str) -> Unavailable:
        return Unavailable(
            f"The server at {self._endpoint.host} does not answer: {why}"[:300], hint="Try again in a moment."
        )


def _place(base_url: str) -> tuple[Endpoint, str]:
    try:
        parts, endpoint = urlsplit(base_url), endpoint_of(base_url)
        good = parts.scheme in {"http", "https"} and bool(endpoint.host) and not parts.username
    except ValueError:  # a port or an address that is none
        good = False
    if not good or parts.query or parts.fragment:
        raise InvalidArgument("An address is of the form https://host[:port][/path].", field="url")
    if endpoint.protocol == "http" and endpoint.host not in {"127.0.0.1", "::1", "localhost"}:
        raise InvalidArgument(
            f"What is sent to {endpoint.host} would travel for all to read.", field="url", hint="Use https."
        )
    return endpoint, parts.path.rstrip("/")
