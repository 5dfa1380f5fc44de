"""Ends a call at its deadline, also while an answer trickles in: httpx2 bounds each of its waits alone."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import AbstractContextManager
from time import monotonic
from types import TracebackType
from typing import Any

import anyio
import httpcore2
import httpx2


class _Call(threading.local):
    ends_at: float | None = None


_CALL = _Call()
"""The call that this thread is in."""


class until:  # noqa: N801 - it reads as a word
    """In its block, everything that this thread waits for at connections of `prepared` clients ends at a moment of the
    monotonic clock, by a timeout of httpx2."""

    __slots__ = ("_ends_at",)

    def __init__(self, ends_at: float) -> None:
        self._ends_at = ends_at

    def __enter__(self) -> None:
        _CALL.ends_at = self._ends_at

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _CALL.ends_at = None


def until_async(ends_at: float) -> AbstractContextManager[object]:
    """The same for a task: raises TimeoutError."""
    return anyio.fail_after(max(0.0, ends_at - monotonic()))


def prepared(http: httpx2.Client) -> httpx2.Client:
    """The client, whose connections are going to be bounded by `until`.

    httpx2 has no word for this, so it is done where its connections are opened. A transport of another kind, which has
    no such place, stays as it is: there each wait is bounded alone.
    """
    for transport in (http._transport, *http._mounts.values()):
        pool = getattr(transport, "_pool", None)
        backend = getattr(pool, "_network_backend", None)
        if backend is not None and not isinstance(backend, _Backend):
            pool._network_backend = _Backend(backend)  # type: ignore[union-attr]
    return http


def prepared_async(http: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """As it is: tasks can be ended."""
    return http


class _Backend(httpcore2.NetworkBackend):
    def __init__(self, inner: httpcore2.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        return _Stream(self._inner.connect_tcp(host, port, _left(timeout), local_address, socket_options))

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.NetworkStream:
        return _Stream(self._inner.connect_unix_socket(path, _left(timeout), socket_options))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _Stream(httpcore2.NetworkStream):
    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left(timeout: float | None) -> float | None:
    if _CALL.ends_at is None:
        return timeout
    left = _CALL.ends_at - monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout("The deadline of the call is over.")
    return left if timeout is None else min(timeout, left)
