"""Waiting for several things at once: calls that mostly wait for answers, each in a thread of its own.

Who needs one thread only, like a simulation that plays time itself, takes `Lazy` in place of `Immediate`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Future(Protocol[T_co]):
    """Of a call that may not have ended yet. It is asked for as often as one likes, from any thread."""

    def result(self) -> T_co:
        """What the call returned, or raises what it raised; waits for it."""
        ...


class Executor(Protocol):
    """How calls are made: at once and side by side, or when they are needed."""

    def __call__(self, call: Callable[[], T]) -> Future[T]:
        """Have the call made."""
        ...


class Immediate(Generic[T]):
    """Makes the call now, in a thread of its own."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._value: T
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(call,), name="side-by-side", daemon=True)
        self._thread.start()

    def result(self) -> T:
        """What the call returned, or raises what it raised; waits for it."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value

    def _run(self, call: Callable[[], T]) -> None:
        try:
            self._value = call()
        except BaseException as error:  # noqa: BLE001 - whoever asks for the result gets it
            self._error = error


class Lazy(Generic[T]):
    """Makes the call when its result is first asked for, in the thread that asks."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._lock = threading.RLock()
        self._value: list[T] = []

    def result(self) -> T:
        """What the call returned, or raises what it raised; waits for it. A call that failed is made again."""
        with self._lock:
            if not self._value:
                self._value.append(self._call())
            return self._value[0]


def all_of(execute: Executor, *calls: Callable[[], T]) -> list[T]:
    """Their results; raises the first error of those that failed. The first call is made in this thread."""
    if not calls:
        return []
    others = [execute(call) for call in calls[1:]]
    return [calls[0](), *(one.result() for one in others)]
