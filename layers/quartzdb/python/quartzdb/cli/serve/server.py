"""Running uvicorn: one process, or a supervisor with several. Tells when connections are served, and stops cleanly."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import uvicorn
from uvicorn.supervisors import Multiprocess

from quartzdb.cli.failure import Failure
from quartzdb.cli.serve.bounded_protocol import BoundedProtocol
from quartzdb.cli.serve.connection_limits import KEEP_ALIVE_SECONDS, ConnectionLimits, within_open_files
from quartzdb.cli.serve.connections import Connections
from quartzdb.cli.serve.listener import BACKLOG

GRACE_SECONDS = 20
"""How long requests in progress may take to finish when the server stops."""
WORKER_SILENCE_SECONDS_MAX = 60
"""A worker that does not answer its supervisor for so long is replaced."""
_READY_POLL_SECONDS = 0.05


def serve_here(
    application: Any, listener: socket.socket, *, log_level: str, on_ready: Callable[[], None]
) -> None:
    """Serve in this process until SIGINT or SIGTERM. `on_ready` is called when connections are served."""
    signals = _Signals()
    server = _Server(_config(application, log_level), on_ready=on_ready, signals=signals)
    with signals:
        try:
            server.run(sockets=[listener])
        except SystemExit as stop:
            if stop.code:
                raise Failure("The server could not start; the log above says why.") from stop


def serve_in_workers(
    factory: str, workers: int, listener: socket.socket, *, log_level: str, on_ready: Callable[[], None]
) -> None:
    """Serve in `workers` processes on one socket until SIGINT or SIGTERM. `factory` is "module:function"."""
    config = _config(factory, log_level, factory=True, workers=workers)
    supervisor = _Supervisor(config, [listener], on_ready)
    supervisor.run()
    if not supervisor.was_ready:
        raise Failure("The workers could not start; the log above says why.")


class _Signals:
    """Handles SIGINT and SIGTERM while uvicorn does not: before it serves they end the process, then they are done.

    uvicorn raises the signal that stopped it once more when it has finished, so that a process ends by it; but a server
    that was asked to stop and did has succeeded.
    """

    def __init__(self) -> None:
        self.served = False

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _handle(self, *_: object) -> None:
        if not self.served:
            raise SystemExit(0)


class _Server(uvicorn.Server):
    """Tells when it serves."""

    def __init__(self, config: uvicorn.Config, *, on_ready: Callable[[], None], signals: _Signals) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._signals = signals

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self._signals.served = True
        if self.started:
            self._on_ready()


class _Supervisor(Multiprocess):
    """Tells when all its workers serve."""

    def __init__(
        self, config: uvicorn.Config, sockets: list[socket.socket], on_ready: Callable[[], None]
    ) -> None:
        super().__init__(config, sockets)
        self._on_ready = on_ready
        self.was_ready = False

    def init_processes(self) -> None:
        """Start the workers and wait until each serves."""
        super().init_processes()
        for process in self.processes:
            while not process.is_ready(timeout=1):
                self.handle_signals()
                if self.should_exit.is_set():
                    self.was_ready = True  # asked to stop before: no failure of the workers
                    return
                if process.exitcode is not None:
                    return  # what follows finds it dead and decides
                time.sleep(_READY_POLL_SECONDS)
        self.was_ready = True
        self._on_ready()


def _config(application: Any, log_level: str, *, factory: bool = False, workers: int = 1) -> uvicorn.Config:
    protocol = partial(BoundedProtocol, Connections(within_open_files(ConnectionLimits())))
    return uvicorn.Config(
        application,
        factory=factory,
        workers=workers,
        loop="auto",
        http=cast(Any, protocol),  # it is called like the class that it makes
        ws="none",
        lifespan="on",
        log_config=None,
        log_level=log_level,
        access_log=False,
        backlog=BACKLOG,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_worker_healthcheck=WORKER_SILENCE_SECONDS_MAX,
    )
