"""`python -m benchmarks.limits [--write-docs]`: what a server does at each limit of a request, and beyond it.

Starts `quartzdb serve`, makes 100,001 records, and sends each request of trials.py: as much as is allowed has to be
answered with success, one more has to be refused. Ends with status 1 where that is not so.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.limits.requests import Request, Trial
from benchmarks.limits.trials import prepared, trials
from benchmarks.measured_page import keep, table
from local.server_process import ServerProcess
from quartzdb.domain import limits

_REST_SECONDS_MAX = 600
_REST_MS = 50.0


class Unexpected(Exception):
    """A request at a limit was refused, or one beyond it was not."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one request. `processor_ms`: of the server, all its threads."""

    status: int
    code: str
    detail: str
    sent_bytes: int
    answer_bytes: int
    processor_ms: float


class Asked:
    """A server, and what its answers take of the processor."""

    def __init__(self, server: ServerProcess) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=300)
        self._key = server.key
        self._tasks = Path(f"/proc/{server.process.pid}/task")

    def ask(self, request: Request) -> Answered:
        """One request, and its answer."""
        headers = {"Authorization": f"Bearer {self._key}", **request.headers}
        if request.method == "POST":
            headers["Content-Type"] = "application/json"
        sent = request.sent
        before = self._processor_ms()
        self._connection.request(request.method, f"/v1{request.path}", sent, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.will_close:
            self._connection.close()
        used = self._processor_ms() - before
        refused = answer.status >= http.client.BAD_REQUEST
        problem = json.loads(content) if refused else {}
        code, detail = problem.get("code", ""), problem.get("detail", "")
        return Answered(answer.status, code, detail, len(sent or b""), len(content), used)

    def rest(self) -> None:
        """Wait until what works in the background has nothing to do: it would be counted to the next request."""
        for _ in range(_REST_SECONDS_MAX):
            before = self._processor_ms()
            time.sleep(1)
            if self._processor_ms() - before < _REST_MS:
                self._connection.close()  # or the server does, where it was idle for long
                return
        raise Unexpected(f"The server was not at rest after {_REST_SECONDS_MAX} s")

    def _processor_ms(self) -> float:
        """Of all its threads, those that ended not counted: a server keeps its threads."""
        return sum(int((one / "schedstat").read_text().split()[0]) for one in self._tasks.iterdir()) / 1e6


def tried(trial: Trial, server: Asked) -> list[str]:
    """A line of the table. Raises Unexpected."""
    server.rest()
    most = server.ask(trial.most)
    if most.status >= http.client.BAD_REQUEST:
        raise Unexpected(f"{trial.what} was refused: {most.status} {most.code}: {most.detail}")
    refusal = "–"
    if trial.over is not None:
        over = server.ask(trial.over)
        if over.status < http.client.BAD_REQUEST or over.status >= http.client.INTERNAL_SERVER_ERROR:
            raise Unexpected(f"One more than {trial.what} was answered {over.status}")
        refusal = f"{over.status} `{over.code}`"
    names = ", ".join(f"`{name}` {getattr(limits, name):,}" for name in trial.limits)
    size = f"{most.sent_bytes:,} / {most.answer_bytes:,}"
    return [names, trial.what, f"{most.processor_ms:,.1f}", size, refusal]


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--write-docs", action="store_true", help="keep the table, and put it into docs/limits-tried.md"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work, ServerProcess(Path(work) / "data") as process:
        server = Asked(process)
        begun = time.perf_counter()
        for request in prepared():
            made = server.ask(request)
            if made.status >= http.client.BAD_REQUEST:
                raise Unexpected(f"{request.method} {request.path}: {made.status} {made.code}: {made.detail}")
        print(f"prepared in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
        rows = []
        wrong = []
        for trial in trials():
            try:
                rows.append(tried(trial, server))
                print(rows[-1], file=sys.stderr)
            except Unexpected as found:
                wrong.append(str(found))
                print(found, file=sys.stderr)
    text = table(["Limits", "Tried", "Processor, ms", "Sent / answered, bytes", "One more"], rows)
    if given.write_docs and not wrong:
        keep("limits", "requests", text, command="make bench-limits")
    print(text)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
