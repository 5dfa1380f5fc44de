"""Reads the routing state from where it is published, an object in S3. Shares no connection with requests."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from quartzdb.net.endpoint import endpoint_of
from quartzdb.net.hard_deadline import Deadline
from quartzdb.net.http_client import HttpClient, Unanswered
from quartzdb.routing.decision.signing import Credentials, signed_headers
from quartzdb.routing.decision.state import InvalidState, RoutingState, decode_state

_STATE_BYTES_MAX = 64 * 1024


class StateReader:
    """`credentials` None: the address needs no signature. Each read has its own connection: the last may be frozen."""

    def __init__(
        self,
        client: HttpClient,
        url: str,
        region: str,
        *,
        credentials: Callable[[], Credentials] | None,
        now: Callable[[], float],
        seconds: float,
    ) -> None:
        self._client = client
        self._url = url
        self._region = region
        self._credentials = credentials
        self._now = now
        self._seconds = seconds

    def read(self) -> RoutingState:
        """The state. Raises OSError or InvalidState."""
        headers = {"Host": urlsplit(self._url).netloc}
        if self._credentials is not None:
            headers = signed_headers(
                "GET",
                self._url,
                {},
                b"",
                service="s3",
                region=self._region,
                credentials=self._credentials(),
                at=self._now(),
            )
        parts = urlsplit(self._url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        answer = self._client.send(
            endpoint_of(self._url),
            "GET",
            target,
            headers.items(),
            b"",
            deadline=Deadline(self._seconds),
            answer_bytes_max=_STATE_BYTES_MAX,
            again=False,  # so that it has a connection of its own
        )
        if answer.status != 200:
            raise Unanswered(f"the routing state's place answered {answer.status}", sent=True)
        if not answer.complete:
            raise InvalidState("a routing state of more than 64 KB")
        return decode_state(answer.body)
