"""What one serving process runs: the HTTP application over the database, and background work beside it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from quartzdb.cli.serve.settings import WorkerSettings, log_to_stderr
from quartzdb.services.background import Background

if TYPE_CHECKING:
    from quartzdb.bootstrap import Database

STOP_SECONDS_MAX = 5.0
"""How long a stopping process waits for its background pass. One that is cut short loses nothing."""
_PARENT_EVERY_SECONDS = 1.0

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class WithBackground:
    """An application with background work that begins and ends with it."""

    def __init__(self, application: Application, background: Background) -> None:
        self._application = application
        self._background = background
        self.background_runs = False
        """Whether a pass was still under way when the server had stopped."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; the background work starts with the application and stops before it says it has."""
        if scope["type"] != "lifespan":
            await self._application(scope, receive, send)
            return

        async def tell(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "lifespan.startup.complete":
                self._background.start()
            elif message["type"].startswith("lifespan.shutdown."):
                # Before it is passed on: then the server ends the event loop, and whatever still runs in it.
                self.background_runs = not await asyncio.to_thread(self._background.stop, STOP_SECONDS_MAX)
            await send(message)

        await self._application(scope, receive, tell)


def application(database: Database) -> WithBackground:
    """The application of this process."""
    from quartzdb.api.app import create_app

    return WithBackground(create_app(database), Background(database.maintenance.run_once))


def worker_application() -> WithBackground:
    """The same for one of several processes, which knows the data directory from its environment."""
    from quartzdb.bootstrap import EmbeddedSettings, open_embedded

    settings = WorkerSettings.from_environment()
    log_to_stderr(settings.log_level)
    threading.Thread(target=_end_with, args=(settings.parent,), name="quartzdb-parent", daemon=True).start()
    return application(open_embedded(EmbeddedSettings(settings.data_dir)))


def _end_with(parent: int) -> None:
    """Stop this process when its parent is gone: one that was killed can no longer stop its workers."""
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(_PARENT_EVERY_SECONDS)
    signal.raise_signal(signal.SIGTERM)
