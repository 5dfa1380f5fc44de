"""Following a feed for one request: a page, once there is something on it or the wait is over; or pages without end.

Whatever blocks is done by `work`, in a thread that is given back before anybody waits.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, TypeVar

from quartzdb.api.answer import Answer
from quartzdb.api.asgi import Message, RawHeaders, Receive, Send
from quartzdb.api.errors import error_answer
from quartzdb.api.feed import OpenFeed, ToldChanges
from quartzdb.api.feeds import Feeds
from quartzdb.api.incoming import Incoming
from quartzdb.api.settings import ApiSettings
from quartzdb.domain.errors import QuartzError

EVENT_STREAM = "text/event-stream"
LAST_EVENT_ID = "Last-Event-ID"
STOPPING = "quartzdb.stopping"
"""Where a server leaves, in a request's scope, the event that is set when it stops."""
_RETRY_MS = 1_000
# Proxies that gather answers before they pass them on would hold back every event.
_NOT_GATHERED = (b"x-accel-buffering", b"no")
_ACCEPTS = re.compile(r"(?:^|,)\s*text/event-stream\s*(?:;[^,]*)?(?:,|$)", re.IGNORECASE)

T = TypeVar("T")
Work = Callable[[Callable[[], T]], Awaitable[T]]
"""Runs what blocks in a thread, in its turn."""


def wants_stream(accept: str | None) -> bool:
    """Whether a request's Accept names event streams."""
    return accept is not None and _ACCEPTS.search(accept) is not None


@contextmanager
def ends_of(stopping: asyncio.Event | None, receive: Receive) -> Iterator[list[asyncio.Future[None]]]:
    """What ends a wait early: the client is gone, or the server stops."""
    loop = asyncio.get_running_loop()
    ends: list[asyncio.Task[None]] = [loop.create_task(_gone(receive))]
    if stopping is not None:
        ends.append(loop.create_task(_set(stopping)))
    try:
        yield list(ends)
    finally:
        for one in ends:
            one.cancel()


async def long_poll(
    feeds: Feeds,
    feed: OpenFeed,
    work: Work[Any],
    monotonic: Callable[[], float],
    ended: list[asyncio.Future[None]],
) -> Answer:
    """A page: at once where there is something on it, and when the wait is over in any case."""
    until = monotonic() + feed.wait_seconds
    while True:
        page: ToldChanges = await work(feed.page)
        left = until - monotonic()
        if page.events or left <= 0 or any(one.done() for one in ended):
            answer: Answer = await work(partial(feed.answer, page))
            return answer
        await feeds.wait(feed.look, left, ended)


class EventStream:
    """Pages as Server-Sent Events, until the client is gone, the server stops, or its time is up.

    The id of each event is a cursor, so a client that comes back goes on where it was. A silent stream says now and
    then that it lives, and its key is looked at again.
    """

    def __init__(
        self,
        feeds: Feeds,
        feed: OpenFeed,
        first: ToldChanges,
        work: Work[Any],
        admitted: Callable[[], Awaitable[None]],
        settings: ApiSettings,
        monotonic: Callable[[], float],
        incoming: Incoming,
        closing: ExitStack,
    ) -> None:
        self._feeds = feeds
        self._feed = feed
        self._first = first
        self._work = work
        self._admitted = admitted
        self._settings = settings
        self._monotonic = monotonic
        self._incoming = incoming
        self._closing = closing
        self.sent_bytes = 0

    async def send(self, headers: RawHeaders, receive: Receive, send: Send) -> None:
        """All of it, with these headers but a length."""
        headers = [header for header in headers if header[0] != b"content-length"]
        with self._closing, ends_of(self._incoming.stopping, receive) as ended:
            await send({"type": "http.response.start", "status": 200, "headers": [*headers, _NOT_GATHERED]})
            until = self._monotonic() + self._settings.stream_seconds_max
            page, events = self._first, 0
            text = f"retry: {_RETRY_MS}\n".encode() + _event("changes", page.body, page.cursor)
            while True:
                await send(_part(text))
                self.sent_bytes, events = self.sent_bytes + len(text), events + page.events
                self._feed.used(self.sent_bytes, events)
                if any(one.done() for one in ended) or self._monotonic() >= until:
                    break
                try:
                    if not page.more:
                        quiet = min(self._settings.heartbeat_seconds, until - self._monotonic())
                        await self._feeds.wait(self._feed.look, max(0.0, quiet), ended)
                        await self._admitted()
                    page = await self._work(self._feed.page)
                except QuartzError as error:
                    answer = error_answer(error, self._incoming.path, self._incoming.trace.request_id)
                    await send(_part(_event("problem", answer.body, None)))
                    break
                # Also one without changes: it says that the stream lives, and its cursor is good for longer.
                text = _event("changes", page.body, page.cursor)
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def _event(kind: str, data: bytes, cursor: str | None) -> bytes:
    # JSON has no line breaks outside of its escapes, so it is one line of data.
    identity = b"" if cursor is None else b"id: " + cursor.encode() + b"\n"
    return b"event: " + kind.encode() + b"\n" + identity + b"data: " + data + b"\n\n"


def _part(body: bytes) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": True}


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _set(event: asyncio.Event) -> None:
    await event.wait()
