"""The database in this process: requests go to its application, and no port is opened."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine, MutableMapping
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import httpx2

from quartzdb_client.errors import QuartzDBError

if TYPE_CHECKING:
    from quartzdb.cli.serve.in_process import InProcess

T = TypeVar("T")
URL = "http://embedded"
KEY = "embedded"
"""In place of a key: requests get one on their way."""


class _Application:
    """An application over its life, in the event loop that starts it."""

    def __init__(self, database: InProcess) -> None:
        self._database = database
        self._asgi = httpx2.ASGITransport(database.application, raise_app_exceptions=False)
        self._messages: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self._told: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self._life: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        """Have a request answered. The first one starts the application."""
        async with self._starting:
            if self._life is None:
                scope: dict[str, Any] = {"type": "lifespan", "asgi": {"version": "3.0"}}
                self._life = asyncio.create_task(
                    self._database.application(scope, self._messages.get, self._told.put)
                )
                await self._say("startup")
        request.headers["Authorization"] = f"Bearer {self._database.key()}"
        answer = await self._asgi.handle_async_request(request)
        content = await answer.aread()
        return httpx2.Response(answer.status_code, headers=answer.headers, content=content, request=request)

    async def end(self) -> None:
        """Let it end what it does beside requests."""
        if self._life is not None:
            await self._say("shutdown")
            await self._life
            self._life = None

    async def _say(self, what: str) -> None:
        assert self._life is not None
        await self._messages.put({"type": f"lifespan.{what}"})
        told = asyncio.create_task(self._told.get())
        await asyncio.wait({told, self._life}, return_when=asyncio.FIRST_COMPLETED)
        if not told.done():
            told.cancel()
            await self._life
        elif told.result()["type"].endswith(".failed"):
            raise QuartzDBError(f"The database did not end its {what}: {told.result().get('message')}.")


class _AsyncInProcess(httpx2.AsyncBaseTransport):
    def __init__(self, database: InProcess) -> None:
        self._database = database
        self._application: _Application | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self._application is None:
            self._application = _Application(self._database)
        return await self._application.answer(request)

    async def aclose(self) -> None:
        if self._application is not None:
            await self._application.end()


class _InProcess(httpx2.BaseTransport):
    """Runs the application in an event loop of its own thread."""

    def __init__(self, database: InProcess) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="quartzdb-embedded", daemon=True)
        self._thread.start()
        self._application = self._in_loop(_made(database))
        atexit.register(self._abandon)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return self._in_loop(self._application.answer(request), request.extensions["timeout"]["read"])

    def close(self) -> None:
        atexit.unregister(self._abandon)
        if self._thread.is_alive():
            self._in_loop(self._application.end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _abandon(self) -> None:
        """Where a program ends without having closed its client: what it wrote is safe, and asyncio does not warn.

        It is too late then for an orderly end, which needs threads.
        """
        if self._thread.is_alive():
            self._in_loop(_cancelled_all())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _in_loop(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        done = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return done.result(timeout)
        except FutureTimeoutError:  # the same as TimeoutError, but in Python 3.10
            done.cancel()
            raise httpx2.ReadTimeout("The deadline of the call is over.") from None


async def _cancelled_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _made(database: InProcess) -> _Application:
    """What belongs to an event loop has to be made in it."""
    return _Application(database)


def opened(path: str | os.PathLike[str]) -> httpx2.Client:
    """What sends requests to the database in a directory. Raises ImportError, QuartzDBError."""
    return httpx2.Client(transport=_InProcess(_open(path)))


def opened_async(path: str | os.PathLike[str]) -> httpx2.AsyncClient:
    """The same for an asynchronous client."""
    return httpx2.AsyncClient(transport=_AsyncInProcess(_open(path)))


def _open(path: str | os.PathLike[str]) -> InProcess:
    try:
        from quartzdb.cli.serve.in_process import InProcess
        from quartzdb.domain.errors import QuartzError
    except ImportError as error:
        raise ImportError(
            "An embedded database needs the database's package: pip install quartzdb."
        ) from error
    try:
        return InProcess(Path(path))
    except QuartzError as error:
        raise QuartzDBError(error.message, hint=error.hint) from error
    except OSError as error:
        raise QuartzDBError(f"The directory {path} cannot be opened: {error.strerror}.") from error
