"""One request to wherever a test has the endpoint lead."""

from __future__ import annotations

from typing import Any

from quartzdb.net.address import Address
from quartzdb.net.endpoint import Endpoint
from quartzdb.net.hard_deadline import Deadline
from quartzdb.net.http_client import HttpAnswer, HttpClient

ENDPOINT = Endpoint("http", "origin.example.org", 80)


def at(address: Address, **options: Any) -> HttpClient:
    """A client that finds the endpoint at an address."""
    return HttpClient({ENDPOINT.host: address}, **options)


def send(
    client: HttpClient,
    *,
    endpoint: Endpoint = ENDPOINT,
    method: str = "GET",
    body: bytes = b"",
    seconds: float = 10,
    deadline: Deadline | None = None,
    most: int = 1000,
    again: bool = True,
) -> HttpAnswer:
    """With a header that is there twice."""
    return client.send(
        endpoint,
        method,
        "/a?b",
        [("Host", "origin.example.org"), ("X-One", "1"), ("X-One", "2")],
        body,
        deadline=deadline or Deadline(seconds),
        answer_bytes_max=most,
        again=again,
    )
