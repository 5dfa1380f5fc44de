"""The platform is killed while the database serves: keys work, and limits hold from the last grant."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

PER_SECOND, BURST = 20, 40
"""Of a project on the free plan."""


@contextmanager
def server(*command: str, data_dir: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A process of the command line that serves the directory, and its address."""
    arguments = [*command, "--data-dir", str(data_dir), "--port", "0", "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "quartzdb.cli", *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"], process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def started(url: str, outbox: Path) -> str:
    """Sign up, begin with a namespace, and give the key."""
    with httpx.Client(base_url=f"{url}/platform/v1", timeout=30) as http:
        assert http.post("/sign-in", json={"email": "ada@example.com"}).status_code == 202
        (mail,) = outbox.glob("*.eml")
        code = re.findall(r"\b\d{6,8}\b", mail.read_text().partition("\n\n")[2])[0]
        signed_in = http.post("/sign-in/verify", json={"email": "ada@example.com", "code": code}).json()
        http.headers["Authorization"] = f"Bearer {signed_in['token']}"
        body = {"organization": "O", "project": "p", "namespace": {"name": "n", "dimension": 2}}
        answer = http.post("/start", json=body)
        assert answer.status_code == 201, answer.text
        key = answer.json()["key"]
    return str(key if isinstance(key, str) else key["key"])


def test_the_database_serves_without_the_platform(tmp_path: Path) -> None:
    """Requests under way when it is killed and later ones, in a process that knew the key and in one that did not."""
    data_dir = tmp_path / "data"
    with (
        server("platform", "serve", data_dir=data_dir) as (platform_url, platform),
        server("serve", data_dir=data_dir) as (url, _),
    ):
        key = started(platform_url, data_dir / "outbox")
        headers = {"Authorization": f"Bearer {key}"}
        statuses: list[int] = []
        killed, enough = threading.Event(), threading.Event()

        def traffic() -> None:
            with httpx.Client(base_url=url, headers=headers, timeout=30) as http:
                after = 0
                while after < 30:
                    statuses.append(http.get("/v1/namespaces/n/vectors").status_code)
                    after += killed.is_set()
                    if len(statuses) == 10:
                        enough.set()

        thread = threading.Thread(target=traffic)
        thread.start()
        assert enough.wait(60)
        platform.kill()
        platform.wait(30)
        killed.set()
        thread.join(120)
        assert not thread.is_alive()
        assert len(statuses) >= 40
        # Faster than its rate, it is told so; anything else would be the platform's doing.
        assert set(statuses) <= {200, 429}
        assert statuses[0] == 200
        with server("serve", data_dir=data_dir) as (fresh_url, _):
            assert httpx.get(f"{fresh_url}/v1/usage", headers=headers, timeout=30).status_code in {200, 429}

            def batch(number: int) -> httpx.Response:
                """Of as many queries as the burst has, at either process."""
                at = (url, fresh_url)[number % 2]
                body = {"queries": [{"vector": [1, 0]}] * BURST}
                return httpx.post(f"{at}/v1/namespaces/n/query/batch", json=body, headers=headers, timeout=60)

            with ThreadPoolExecutor(8) as threads:
                answers = list(threads.map(batch, range(8)))
    refused = [answer for answer in answers if answer.status_code == 429]
    # All of them would need fourteen seconds.
    assert refused, [answer.status_code for answer in answers]
    assert {answer.status_code for answer in answers} <= {200, 429}
    problem = refused[0].json()
    assert (problem["code"], problem["allowed"]) == ("rate_limited", PER_SECOND)
    assert "/platform/organizations/org_" in problem["raise_at"]
