"""Sends calls: attempts, waits, the deadline, and what is logged of them."""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Mapping
from time import monotonic
from typing import Any, TypeVar

import httpx2

from quartzdb_client.calls import Answer, Call
from quartzdb_client.deadlines import prepared, until
from quartzdb_client.errors import ConnectionFailed, DeadlineExceeded, QuartzDBError, RateLimited, error_of
from quartzdb_client.retries import Retries

logger = logging.getLogger("quartzdb_client")

T = TypeVar("T")
_REFUSED = 400
_WAIT_SHARE = 0.8
_WAIT_SECONDS_MAX = 20.0


class Transport:
    """Of one client. Safe to be used by many at once; keeps connections open between calls."""

    def __init__(
        self,
        http: httpx2.Client,
        url: str,
        headers: Mapping[str, str],
        *,
        timeout_seconds: float,
        retries: Retries,
    ) -> None:
        self._http = prepared(http)
        self._url = url
        self._headers = dict(headers)
        self._timeout_seconds = timeout_seconds
        self._retries = retries

    def wait(self, seconds: float) -> float:
        """How long an answer may be waited for of so many seconds: a call has to end before its deadline."""
        return max(0.0, min(seconds, _WAIT_SECONDS_MAX, self._timeout_seconds * _WAIT_SHARE))

    def send(self, call: Call[T]) -> T:
        """What the call gives. Raises QuartzDBError."""
        ends_at = monotonic() + self._timeout_seconds
        headers = {**self._headers, **call.headers}
        if call.writes:
            headers["Idempotency-Key"] = secrets.token_hex(16)
        url = f"{self._url}{call.path}"
        attempt = 0
        while True:
            try:
                return call.read(self._once(call, url, headers, ends_at))
            except QuartzDBError as error:
                again = not call.once or isinstance(error, RateLimited)
                wait = self._retries.wait(error, attempt) if again else None
                if wait is None or monotonic() + wait >= ends_at:
                    raise
                logger.info(
                    "%s %s: %s; again in %.2f s", call.method, call.path, error.code or error.kind, wait
                )
                attempt += 1
                time.sleep(wait)

    def close(self) -> None:
        """End its connections."""
        self._http.close()

    def _once(self, call: Call[Any], url: str, headers: dict[str, str], ends_at: float) -> Answer:
        begun = monotonic()
        try:
            with until(ends_at):
                response = self._http.request(
                    call.method,
                    url,
                    params=call.query or None,
                    headers=headers,
                    content=call.content,
                    timeout=max(0.001, ends_at - begun),
                )
        except (httpx2.TimeoutException, TimeoutError):
            raise DeadlineExceeded(
                f"{call.method} {call.path} took longer than {self._timeout_seconds:g} s.",
                hint="Ask for less, or give the client a longer `timeout_seconds`.",
            ) from None
        except (httpx2.ConnectError, httpx2.UnsupportedProtocol, httpx2.ProxyError) as error:
            raise ConnectionFailed(f"There is no connection to {self._url}: {error}.") from error
        except httpx2.TransportError as error:
            raise ConnectionFailed(
                f"The connection failed before all of the answer was there: {error}."
            ) from error
        answer = Answer(response.status_code, response.headers, response.content)
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug(
                "%s %s: %s in %.1f ms, request %s",
                call.method,
                call.path,
                answer.status,
                (monotonic() - begun) * 1000,
                answer.headers.get("x-request-id"),
            )
        if answer.status >= _REFUSED:
            raise error_of(answer.status, answer.headers, _problem(answer))
        return answer


def _problem(answer: Answer) -> Mapping[str, Any]:
    try:
        document = json.loads(answer.content)
    except ValueError:
        return {}  # of something in between that is no part of the API
    return document if isinstance(document, dict) else {}
