"""A deep look at one origin over HTTP: health, and a canary record written, read back and found, in one deadline.

Every probe writes what was never there before, so an answer from an older state, or from a cache, is noticed.
"""

from __future__ import annotations

import http.client
import json
import math
import random
import ssl
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from quartzdb.adapters.http.sendable_headers import sendable
from quartzdb.domain.clock import Clock
from quartzdb.domain.values import dataclass
from quartzdb.net.address import Address
from quartzdb.net.endpoint import authority_of, endpoint_of
from quartzdb.net.hard_deadline import Deadline
from quartzdb.net.http_client import HttpClient, Unanswered
from quartzdb.net.resolver import NameNotFound
from quartzdb.routing.decision.state import Origin
from quartzdb.routing.decision.window import Probe, Reason

_DIMENSION = 384
"""Of the namespace behind `/api/*`."""
_ANSWER_BYTES_MAX = 256 * 1024
_TOLERANCE = 2e-3
"""Of a coordinate and of a score: an origin may keep half precision."""
_NOT_ADMITTED = (401, 403)


@dataclass(frozen=True, slots=True)
class ProbedOrigin:
    """Where an origin is. `search_url` is for one that has searches answered somewhere else; both without a path.

    `key` is the canary's API key, `secret` what the origin demands of whoever comes around the edge ("" for nothing);
    both are asked for anew by each probe. `resolve` leads names elsewhere, on a machine that plays the clouds.
    """

    origin: Origin
    url: str
    key: Callable[[], str]
    secret: Callable[[], str]
    search_url: str | None = None
    resolve: Mapping[str, Address] = field(default_factory=dict)


class HttpProbe:
    """OriginProbe of one origin. Not thread-safe: one probe at a time."""

    def __init__(
        self,
        probed: ProbedOrigin,
        clock: Clock,
        *,
        deadline_ms: int,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        self._probed = probed
        self._clock = clock
        self._deadline_ms = deadline_ms
        self._tls = tls
        self._count = 0

    def probe(self) -> Probe:
        """What came of it. Raises Unavailable where its own key or secret is not to be had, or cannot be sent."""
        headers = sendable(_headers(self._probed.key(), self._probed.secret()))
        # Names and connections are not kept: a user who comes now has to find and reach it, too.
        client = HttpClient(self._probed.resolve, tls=self._tls)
        begun = self._clock.monotonic()
        deadline = Deadline(self._deadline_ms / 1000, self._clock.monotonic)
        look = _Look(client, deadline, self._probed, headers)
        self._count += 1
        try:
            reason = look.deep(self._clock.unix_ms(), self._count)
        except Unanswered as error:
            # Without a cause there was no time left to begin.
            reason = Reason.TIMEOUT if error.__cause__ is None else _reason_of(error.__cause__)
        finally:
            client.close()
        latency_ms = int(1000 * (self._clock.monotonic() - begun))
        return Probe(reason is None, self._clock.unix_ms(), latency_ms, reason)


@dataclass(frozen=True, slots=True)
class _Look:
    """The requests of one probe."""

    client: HttpClient
    deadline: Deadline
    probed: ProbedOrigin
    headers: Mapping[str, str] = field(repr=False)

    def deep(self, at_ms: int, count: int) -> Reason | None:
        """What is wrong; None where all is well. Raises Unanswered."""
        nonce = f"{at_ms}-{count}"
        # Two ids in turn, and those of each origin apart, because what one site takes comes to the other.
        record_id = f"quartzdb-canary-{self.probed.origin}-{count % 2}"
        vector = _unit_vector(nonce)
        try:
            self._check(self._ask("GET", "/health").get("status") == "healthy")
            inserted = {"id": record_id, "vector": vector, "metadata": {"nonce": nonce}}
            self._check(self._ask("POST", "/api/vector/insert", inserted).get("success") is True)
            read = self._ask("GET", f"/api/vector/get/{record_id}")
            self._check(read.get("metadata") == {"nonce": nonce} and _same(read.get("vector"), vector))
            found = self._ask("POST", "/api/vector/search", {"vector": vector, "k": 1}, search=True)
            (nearest,) = found["results"]
            self._check(nearest["id"] == record_id and nearest["metadata"] == {"nonce": nonce})
            self._check(abs(nearest["score"] - 1) <= _TOLERANCE)
        except _Wrong as wrong:
            return wrong.reason
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            return Reason.WRONG_ANSWER  # an answer of another shape
        return None

    @staticmethod
    def _check(right: bool) -> None:
        if not right:
            raise _Wrong(Reason.WRONG_ANSWER)

    def _ask(
        self, method: str, path: str, document: Mapping[str, Any] | None = None, *, search: bool = False
    ) -> dict[str, Any]:
        url = (self.probed.search_url if search else None) or self.probed.url
        endpoint = endpoint_of(url)
        headers = {"Host": authority_of(endpoint), **self.headers}
        if document is not None:
            headers["Content-Type"] = "application/json"
        answer = self.client.send(
            endpoint,
            method,
            path,
            headers.items(),
            b"" if document is None else json.dumps(document).encode(),
            deadline=self.deadline,
            answer_bytes_max=_ANSWER_BYTES_MAX,
            again=True,
        )
        if answer.status in _NOT_ADMITTED:
            raise _Wrong(Reason.NOT_ADMITTED)
        if answer.status != 200:
            raise _Wrong(Reason.STATUS)
        if not answer.complete:
            raise _Wrong(Reason.WRONG_ANSWER)
        decoded = json.loads(answer.body)
        if not isinstance(decoded, dict):
            raise _Wrong(Reason.WRONG_ANSWER)
        return decoded


class _Wrong(Exception):
    """An answer came, and it is no good one."""

    def __init__(self, reason: Reason) -> None:
        super().__init__()
        self.reason = reason


def _reason_of(error: BaseException) -> Reason:
    """What became of a request that got no whole answer."""
    if isinstance(error, NameNotFound):
        return Reason.DNS
    if isinstance(error, TimeoutError):
        return Reason.TIMEOUT
    if isinstance(error, (ConnectionResetError, ConnectionAbortedError, BrokenPipeError, ssl.SSLEOFError)):
        return Reason.RESET  # http.client's RemoteDisconnected is one of these
    if isinstance(error, ssl.SSLError):
        return Reason.TLS
    if isinstance(error, http.client.IncompleteRead):
        return Reason.TRUNCATED
    if isinstance(error, http.client.HTTPException):
        return Reason.WRONG_ANSWER
    return Reason.REFUSED


def _headers(key: str, secret: str) -> dict[str, str]:
    """Of every request of a probe."""
    admitted = {"x-quartzdb-origin-secret": secret} if secret else {}
    return {"Authorization": f"Bearer {key}", "User-Agent": "quartzdb-health-probe", **admitted}


def _unit_vector(nonce: str) -> list[float]:
    """One of length 1 that no other nonce comes near. Rounded, so that its text is short."""
    source = random.Random(nonce)  # noqa: S311 - it has to be different, not secret
    raw = [source.gauss(0, 1) for _ in range(_DIMENSION)]
    length = math.sqrt(sum(value * value for value in raw))
    return [round(value / length, 6) for value in raw]


def _same(given: Any, expected: list[float]) -> bool:
    return (
        isinstance(given, list)
        and len(given) == len(expected)
        and all(abs(ours - theirs) <= _TOLERANCE for ours, theirs in zip(expected, given, strict=True))
    )
