"""The serving process: background work lives exactly as long as the application."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

from quartzdb.cli.serve.worker import Receive, Scope, Send, WithBackground
from quartzdb.maintenance.background import Background


def test_background_work_stops_before_the_application_says_that_it_did() -> None:
    """The server ends the event loop, and whatever runs in it, as soon as it hears that."""
    told: list[str] = []
    background = Background(lambda: False, idle_seconds=3_600)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        for _phase in range(2):
            message = await receive()
            await send({"type": f"{message['type']}.complete"})

    async def run() -> None:
        incoming = iter(["lifespan.startup", "lifespan.shutdown"])
        served = WithBackground(application, background)

        async def receive() -> MutableMapping[str, Any]:
            return {"type": next(incoming)}

        async def send(message: MutableMapping[str, Any]) -> None:
            alive = background.stop(0) is False if message["type"] == "lifespan.shutdown.complete" else None
            told.append(f"{message['type']} {alive}")

        await served({"type": "lifespan"}, receive, send)
        assert not served.background_runs

    asyncio.run(run())
    assert told == ["lifespan.startup.complete None", "lifespan.shutdown.complete False"]
