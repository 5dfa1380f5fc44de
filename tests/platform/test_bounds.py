"""A body that does not come is not waited for, and a big one is not read to its end."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from quartzdb_platform.api.bounds import BODY_BYTES_MAX, BODY_SECONDS_MAX, Bounds

SCOPE = {"type": "http", "method": "POST", "path": "/", "headers": []}


async def never(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("the application was asked")


def answer(bounds: Bounds, receive: Receive) -> tuple[int, dict[str, Any]]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(dict(message))

    asyncio.run(bounds(dict(SCOPE), receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"])


def test_a_body_that_trickles_is_given_up() -> None:
    """After its time, however often a byte came."""
    times = iter([0.0, 1.0, BODY_SECONDS_MAX + 1])

    async def receive() -> Message:
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def after_that() -> Message:
        message = await receive()
        await asyncio.sleep(0)
        return message

    status, problem = answer(Bounds(never, monotonic=lambda: next(times)), after_that)
    assert (status, problem["code"]) == (408, "body_timeout")


def test_a_body_is_read_no_further_than_its_limit() -> None:
    """Whatever its length was said to be."""
    chunks = 0

    async def receive() -> Message:
        nonlocal chunks
        chunks += 1
        return {"type": "http.request", "body": b" " * 10_000, "more_body": True}

    status, problem = answer(Bounds(never), receive)
    assert (status, problem["code"]) == (413, "body_too_large")
    assert chunks == BODY_BYTES_MAX // 10_000 + 1
