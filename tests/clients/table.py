"""Goes through all scenarios with all clients, and writes what passed into docs/clients.md: `make conformance`."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from clients.conformance.proxy import FaultyProxy
from clients.conformance.python_runner import problems_of
from clients.conformance.scenario import scenarios
from tests.clients import javascript, rust
from tests.clients.conftest import Served
from tests.server_process import ServerProcess

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
_TABLE = re.compile(r"(?<=<!-- conformance -->\n).*?(?=<!-- end -->)", re.DOTALL)
CLIENTS = ("Python", "Python, async", "Node.js", "workerd", "Chromium", "Rust")


def table(passed: Mapping[str, Mapping[str, bool]]) -> str:
    """Scenario by client; what does not hold somewhere has a dash."""
    lines = [f"| | {' | '.join(passed)} |", f"|---|{'---|' * len(passed)}"]
    for scenario in scenarios():
        marks = [
            "–" if (ok := of.get(scenario.name)) is None else "✓" if ok else "✗" for of in passed.values()
        ]
        lines.append(f"| {scenario.name} | {' | '.join(marks)} |")
    return "\n".join(lines) + "\n"


def all_pass() -> str:
    """The table that is wanted."""
    return table(
        {
            client: {
                one.name: True
                for one in scenarios()
                if not (client == "Chromium" and "browser" in one.document.get("not_in", ()))
            }
            for client in CLIENTS
        }
    )


def found(page: str) -> str | None:
    """The table that a page has."""
    match = _TABLE.search(page)
    return match and match[0]


def main() -> int:
    """Run all and write. Gives the exit status: 1 where something does not pass."""
    with (
        tempfile.TemporaryDirectory() as place,
        ServerProcess(Path(place) / "data") as server,
        FaultyProxy(server.url) as proxy,
    ):
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        served = Served(proxy.url, server.url, server.key)
        (Path(place) / "worker").mkdir()
        runs: Mapping[str, Callable[[], Mapping[str, list[str]]]] = {
            "Python": lambda: _python(served, asynchronous=False),
            "Python, async": lambda: _python(served, asynchronous=True),
            "Node.js": lambda: javascript.by_scenario(javascript.in_node(served)),
            "workerd": lambda: javascript.by_scenario(javascript.in_workerd(served, Path(place) / "worker")),
            "Chromium": lambda: javascript.by_scenario(javascript.in_chromium(served)),
            "Rust": lambda: rust.results(served),
        }
        problems = {client: runs[client]() for client in CLIENTS}
        proxy.shutdown()
    passed = {client: {name: not wrong for name, wrong in of.items()} for client, of in problems.items()}
    PAGE.write_text(_TABLE.sub(lambda _: table(passed), PAGE.read_text()))
    wrong = {
        f"{client}: {name}": some for client, of in problems.items() for name, some in of.items() if some
    }
    sys.stderr.writelines(f"{where}: {what}\n" for where, what in wrong.items())
    return 1 if wrong else 0


def _python(served: Served, *, asynchronous: bool) -> Mapping[str, list[str]]:
    return {
        one.name: problems_of(one, served.proxy, served.api_key, asynchronous=asynchronous)
        for one in scenarios()
    }


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (subprocess.SubprocessError, rust.NotInstalled) as error:
        sys.exit(str(error))
