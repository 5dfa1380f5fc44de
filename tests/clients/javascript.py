"""Where the client for JavaScript runs in tests: Node.js, workerd and Chromium, each with the same runner."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import sync_playwright

from clients.conformance.scenario import scenarios
from local.workerd import COMPATIBILITY_DATE, binary, free_port
from tests.clients.conftest import Served

CLIENT = Path(__file__).parents[2] / "clients" / "javascript"
_SECONDS_MAX = 240
Results = list[dict[str, Any]]


def by_scenario(results: Results) -> dict[str, list[str]]:
    """What was wrong in each."""
    return {one["scenario"]: one["problems"] for one in results}


def in_node(served: Served) -> Results:
    """What its own program prints."""
    ran = subprocess.run(
        ["node", "conformance/node.js"],
        cwd=CLIENT,
        env={**os.environ, "QUARTZDB_URL": served.proxy, "QUARTZDB_API_KEY": served.api_key},
        capture_output=True,
        text=True,
        timeout=_SECONDS_MAX,
        check=False,
    )
    assert not ran.stderr, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def in_chromium(served: Served) -> Results:
    """In a page of the proxy's own address; from another one it is the server's matter whom it lets in."""
    chromium = shutil.which("chromium")
    assert chromium is not None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        page = browser.new_page()
        page.goto(f"{served.proxy}/v1/health")
        page.add_script_tag(path=CLIENT / "build/conformance/browser.js", type="module")
        page.wait_for_function("typeof runConformance === 'function'")
        found: Results = page.evaluate(
            "([scenarios, url, key]) => runConformance(scenarios, url, key, 'browser')",
            [[dict(one.document) for one in scenarios()], served.proxy, served.api_key],
        )
        browser.close()
    return found


def in_workerd(served: Served, folder: Path) -> Results:
    """As a Worker that is asked to run them."""
    with _worker(folder) as url:
        body = {
            "scenarios": [dict(one.document) for one in scenarios()],
            "url": served.proxy,
            "apiKey": served.api_key,
        }
        found: Results = httpx.post(url, json=body, timeout=_SECONDS_MAX).raise_for_status().json()
    return found


@contextmanager
def _worker(folder: Path) -> Iterator[str]:
    port = free_port()
    program = binary()
    assert program is not None
    shutil.copy(CLIENT / "build/conformance/worker.js", folder / "worker.js")
    (folder / "config.capnp").write_text(f"""using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "{COMPATIBILITY_DATE}",
    )),
    (name = "internet", network = (allow = ["local", "private", "public"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:{port}", http = (), service = "main")],
);
""")
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen([program, "serve", folder / "config.capnp"], cwd=folder) as process:
        try:
            for _ in range(500):
                try:
                    httpx.get(url)
                    break
                except httpx.TransportError:
                    assert process.poll() is None
                    time.sleep(0.02)  # until it listens: the condition is awaited
            yield url
        finally:
            process.terminate()
