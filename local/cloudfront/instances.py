"""Instances of an edge function, as Lambda keeps them: one event at a time each, frozen in between, more as needed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

_PROGRAM = Path(__file__).with_name("instance_process.py")


class FunctionFailed(Exception):
    """The function raised, took too long or ended: the viewer gets a 503."""


class _Instance:
    def __init__(self, python: str, bundle: Path, environment: Mapping[str, str], log: IO[bytes]) -> None:
        self._process = subprocess.Popen(
            [python, "-I", "-S", str(_PROGRAM), str(bundle)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=bundle,
            env=dict(environment),
            text=True,
            encoding="utf-8",
        )

    def invoke(self, event: Any, seconds: float, *, freeze: bool) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        timer = threading.Timer(seconds, self._process.kill)
        timer.start()
        try:
            if freeze:
                self._process.send_signal(signal.SIGCONT)
            self._process.stdin.write(json.dumps({"event": event, "seconds": seconds}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
            if freeze and line:
                self._process.send_signal(signal.SIGSTOP)
        except OSError as error:
            raise FunctionFailed(f"the instance is gone: {error}") from error
        finally:
            timer.cancel()
        if not line:
            raise FunctionFailed(f"the instance ended, or took more than {seconds} s")
        answer = json.loads(line)
        if "error" in answer:
            raise FunctionFailed(str(answer["error"]))
        return answer["result"]

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # an event that nobody read
                    pipe.close()


class Instances:
    """All of one function. `freeze`: stop each between events, as Lambda does, its threads too."""

    def __init__(
        self,
        bundle: Path,
        log: Path,
        *,
        environment: Mapping[str, str],
        most: int = 8,
        seconds: float = 30.0,
        freeze: bool = True,
        python: str = sys.executable,
    ) -> None:
        self._bundle = bundle
        self._log = log.open("ab")
        self._environment = environment
        self._seconds = seconds
        self._freeze = freeze
        self._python = python
        self._free = threading.Semaphore(most)
        self._lock = threading.Lock()
        self._idle: list[_Instance] = []
        self._all: set[_Instance] = set()
        self.started = 0

    def invoke(self, event: Any) -> Any:
        """What the function gives back. Raises FunctionFailed."""
        with self._free:
            instance = self._take()
            try:
                # Sent and read as text, so that nothing but JSON gets through, and nothing is shared.
                return instance.invoke(event, self._seconds, freeze=self._freeze)
            finally:
                self._give_back(instance)

    @property
    def idle_processes(self) -> list[int]:
        """Ids of those that wait for an event."""
        with self._lock:
            return [each.pid for each in self._idle]

    def recycle(self) -> None:
        """End those that are idle; what comes next starts cold."""
        with self._lock:
            ended, self._idle = self._idle, []
            self._all.difference_update(ended)
        for each in ended:
            each.end()

    def stop(self) -> None:
        """End them all."""
        with self._lock:
            ended, self._all = self._all, set()
            self._idle = []
        for each in ended:
            each.end()
        self._log.close()

    def _take(self) -> _Instance:
        with self._lock:
            if self._idle:
                return self._idle.pop()
            self.started += 1
            instance = _Instance(self._python, self._bundle, self._environment, self._log)
            self._all.add(instance)
            return instance

    def _give_back(self, instance: _Instance) -> None:
        with self._lock:
            if instance not in self._all:
                return  # everything was stopped meanwhile
            if not instance.ended:
                self._idle.append(instance)
                return
            self._all.discard(instance)
        instance.end()
