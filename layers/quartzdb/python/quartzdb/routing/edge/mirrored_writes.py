"""Tells the other site of writes that a peer without a feed has accepted, or may have. Owns the form of that message.

A write that was acknowledged to a client is in the queue: where that cannot be had, the client is not told of success.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import NamedTuple

from quartzdb.net.hard_deadline import Deadline
from quartzdb.routing.edge.queue_client import EdgeQueueClient, NotQueued
from quartzdb.routing.edge.written_names import paths_by_name

BODY_BYTES_MAX = 180 * 1024
"""In base64, with the rest of the message, it must fit into 256 KB."""
_FIRST_PAUSE_SECONDS = 0.05
_ATTEMPT_SECONDS = 1.5


class Write(NamedTuple):
    """A write. `body` None: the edge has only `beginning`."""

    request_id: str
    method: str
    path: str
    body: bytes | None
    beginning: bytes = b""


class Unnamed(Exception):
    """What the write changes does not show in what the edge has of it, so it could not be told to the other site."""


class MirroredWrites:
    """`now_ms` is unix time; `pause` is between two attempts."""

    def __init__(
        self,
        queue: EdgeQueueClient,
        queue_url: str,
        *,
        delay_seconds: int,
        now_ms: Callable[[], int],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._queue = queue
        self._queue_url = queue_url
        self._delay_seconds = delay_seconds
        self._now_ms = now_ms
        self._pause = pause

    def check(self, write: Write) -> None:
        """Raises Unnamed for one that could not be told of once it is accepted. Before it is sent anywhere."""
        if not _fits(write) and _paths(write) is None:
            raise Unnamed

    def accepted(self, write: Write, deadline: Deadline) -> None:
        """Tell of a write that the peer has accepted. Tries until the deadline. Raises NotQueued."""
        told = [(write.path, write.body)] if _fits(write) else _by_name(write)
        self._send(self._messages(write, told), deadline, delay_seconds=0)

    def uncertain(self, write: Write, deadline: Deadline) -> None:
        """Tell of one that the peer may yet accept: by name, to be looked up there after a while. Raises NotQueued."""
        self._send(self._messages(write, _by_name(write)), deadline, delay_seconds=self._delay_seconds)

    def _messages(self, write: Write, told: list[tuple[str, bytes | None]]) -> list[str]:
        at_ms = self._now_ms()
        return [
            json.dumps(
                {
                    "request_id": write.request_id,
                    "at_ms": at_ms,
                    "method": write.method,
                    "path": path,
                    "body": None if body is None else base64.b64encode(body).decode(),
                }
            )
            for path, body in told
        ]

    def _send(self, messages: list[str], deadline: Deadline, *, delay_seconds: int) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                attempt = Deadline(min(_ATTEMPT_SECONDS, deadline.remaining()))
                self._queue.send(self._queue_url, messages, attempt, delay_seconds=delay_seconds)
            except TimeoutError as error:
                raise NotQueued("the queue took no message in time") from error
            except NotQueued:
                if deadline.passed:
                    raise
                self._pause(pause)
                pause *= 2
            else:
                return


def _fits(write: Write) -> bool:
    return write.body is not None and len(write.body) <= BODY_BYTES_MAX


def _by_name(write: Write) -> list[tuple[str, bytes | None]]:
    """What cannot be named is nothing that the peer would accept either."""
    return [(path, None) for path in _paths(write) or []]


def _paths(write: Write) -> list[str] | None:
    if write.body is None:
        return paths_by_name(write.path, write.beginning, whole=False)
    return paths_by_name(write.path, write.body, whole=True)
