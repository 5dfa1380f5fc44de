"""A child process that is asked one thing at a time: lines of JSON, a request in and an answer out.

Libraries are measured in a process each, because they bring their own OpenMP and BLAS, and two of them do not always
agree. `Child` is the asking side; `serve` is the answering one.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parent.parent
CLOSE_SECONDS_MAX = 60.0
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def environment(**variables: str) -> dict[str, str]:
    """This process's variables, one thread for each library, and what a child imports from."""
    path = os.pathsep.join((str(ROOT), str(ROOT / "layers" / "quartzdb" / "python")))
    return {**os.environ, **ONE_THREAD, "PYTHONPATH": path, **variables}


class Child:
    """The module `module` run with `arguments`, ready for requests."""

    def __init__(
        self,
        name: str,
        module: str,
        arguments: Sequence[str],
        variables: Mapping[str, str],
        stderr: Path | None = None,
    ) -> None:
        self.name = name
        with (stderr or Path(os.devnull)).open("ab") as words:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
                text=True,
                env=environment(**variables),
                # A group of its own, so that what it started ends with it where it has to be killed.
                start_new_session=True,
            )

    def ask(self, *request: Any, seconds: float | None = None) -> dict[str, Any]:
        """One request. Raises RuntimeError where it fails, takes the process down, or takes longer than `seconds`."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError(f"{self.name}: no pipes.")
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
            # An answer is one line, and there is none before it: nothing is left in the buffer that select cannot see.
            if seconds is not None and not select.select([self._process.stdout], [], [], seconds)[0]:
                self._kill()
                raise RuntimeError(f"{self.name}: {request[0]} took longer than {seconds:.0f} s.")
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(f"{self.name}: the process ended with {self._process.wait()}.")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self.name}: {answer['error']}")
        return answer

    @property
    def alive(self) -> bool:
        """Whether it can be asked again."""
        return self._process.poll() is None

    def close(self) -> None:
        """Let it end, and end it where it does not."""
        if self._process.stdin is not None:
            # What it was asked when it died is still in the buffer.
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            self._process.wait(CLOSE_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._kill()

    def _kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def serve(worker: object, answers: Any) -> None:
    """Answer requests with the worker's methods until there are no more."""
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            answer = getattr(worker, name)(*arguments)
        except Exception as error:
            # Whatever a library raises is an answer, too: the asking side says so, and goes on with the next library.
            logger.exception("%s failed", name)
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


def answers_apart() -> Any:
    """Where answers go. Some libraries print: from now on their words go to stderr and do not mix with answers."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers
