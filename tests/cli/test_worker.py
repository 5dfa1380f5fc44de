"""The serving process: background work lives exactly as long as the application."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quartzdb.cli.serve.settings import WorkerSettings
from quartzdb.cli.serve.worker import Receive, Scope, Send, WithBackground, application
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.maintenance.background import Background
from quartzdb.services.record_rules import NewRecord


def test_background_work_stops_before_the_application_says_that_it_did() -> None:
    """The server ends the event loop, and whatever runs in it, as soon as it hears that."""
    told: list[str] = []
    background = Background(lambda: False, idle_seconds=3_600)

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        for _phase in range(2):
            message = await receive()
            await send({"type": f"{message['type']}.complete"})

    async def run() -> None:
        incoming = iter(["lifespan.startup", "lifespan.shutdown"])
        served = WithBackground(answering, background)

        async def receive() -> MutableMapping[str, Any]:
            return {"type": next(incoming)}

        async def send(message: MutableMapping[str, Any]) -> None:
            alive = background.stop(0) is False if message["type"] == "lifespan.shutdown.complete" else None
            told.append(f"{message['type']} {alive}")

        await served({"type": "lifespan"}, receive, send)
        assert not served.background_runs

    asyncio.run(run())
    assert told == ["lifespan.startup.complete None", "lifespan.shutdown.complete False"]


@pytest.mark.parametrize("engine", ["auto", "annoy"])
def test_every_worker_builds_with_the_default_engine_of_its_server(tmp_path: Path, engine: str) -> None:
    """What the command was told reaches a worker through its environment, and the segments that it builds."""
    environment: dict[str, str] = {}
    WorkerSettings(tmp_path, 1, "warning", engine).to_environment(environment)
    told = WorkerSettings.from_environment(environment)
    _, database = application(told.data_dir, told.peer, told.default_engine)
    namespace, _ = database.namespaces.create("t", "n", NamespaceSettings(3))
    database.records.upsert(namespace, [NewRecord("a", np.ones(3, np.float32))])
    assert database.indexer.fold(namespace).published
    (segment,) = database.namespaces.stats(namespace).segments
    assert segment.engine == {"auto": "exact", "annoy": "annoy"}[engine]
