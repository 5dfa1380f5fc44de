"""`quartzdb platform serve`: from an e-mail address to a search, over HTTP, against the real process."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    directory = tmp_path_factory.mktemp("platform")
    command = [
        sys.executable,
        "-m",
        "quartzdb.cli",
        "platform",
        "serve",
        "--data-dir",
        str(directory / "data"),
        "--port",
        "0",
        "--json",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield {**json.loads(line), "data_dir": directory / "data"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def require_commands(*names: str) -> None:
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def signed_up(served: dict[str, Any], http: httpx.Client, email: str) -> None:
    assert http.post("/platform/v1/sign-in", json={"email": email}).status_code == 202
    newest = max(Path(served["outbox"]).glob("*.eml"), key=lambda file: file.name)
    code = re.findall(r"\b\d{6,8}\b", newest.read_text().partition("\n\n")[2])[0]
    verified = http.post("/platform/v1/sign-in/verify", json={"email": email, "code": code}).json()
    http.headers["Authorization"] = f"Bearer {verified['token']}"


def test_from_an_address_to_a_search(served: dict[str, Any]) -> None:
    """Sign in, organization, project, key; and the key is good for its project's data alone."""
    keys = []
    for email in ("ada@example.com", "bob@example.com"):
        with httpx.Client(base_url=served["url"], timeout=30) as http:
            signed_up(served, http, email)
            organization = http.post("/platform/v1/organizations", json={"name": "O"}).json()["id"]
            made = http.post(f"/platform/v1/organizations/{organization}/projects", json={"name": "P"})
            path = f"/platform/v1/projects/{made.json()['id']}/keys"
            answer = http.post(path, json={"name": "first", "scopes": ["read", "write", "admin"]})
            keys.append((answer.json()["key"], answer.json()["id"], http.headers["Authorization"], path))
    ada, bob = ({"Authorization": f"Bearer {key[0]}"} for key in keys)
    with httpx.Client(base_url=served["url"], timeout=30) as http:
        created = http.post("/v1/namespaces", json={"name": "hello", "dimension": 2}, headers=ada)
        assert created.status_code == 201
        vectors = {"vectors": [{"id": "a", "vector": [1, 0]}]}
        assert http.post("/v1/namespaces/hello/vectors", json=vectors, headers=ada).status_code == 200
        query = {"vector": [1, 0], "top_k": 1}
        found = http.post("/v1/namespaces/hello/query", json=query, headers=ada).json()
        assert [match["id"] for match in found["matches"]] == ["a"]
        assert http.post("/v1/namespaces/hello/query", json=query, headers=bob).status_code == 404
        _, key_id, session, path = keys[1]
        http.get("/v1/namespaces", headers=bob).raise_for_status()
        assert http.delete(f"{path}/{key_id}", headers={"Authorization": session}).status_code == 204


def test_the_quickstart_of_the_docs_is_five_requests_to_a_search(served: dict[str, Any]) -> None:
    """As it stands on the page, but for the address and the folder; and so is the script that it answers with."""
    require_commands("sh", "curl", "jq", "grep", "seq", "paste")
    page = (Path(__file__).parents[2] / "docs" / "platform.md").read_text("utf-8")
    section = page.partition("## Quickstart")[2].partition("\n## ")[0]
    script = section.partition("```sh\n")[2].partition("```")[0]
    assert script.count("curl ") == 5
    settings, _, rest = script.partition("\n")
    assert re.findall(r"(\w+)=", settings) == ["URL", "OUTBOX", "EMAIL"]
    here = {"URL": served["url"], "OUTBOX": served["outbox"], "EMAIL": "dora@example.com"}
    done = subprocess.run(
        ["sh", "-eu"], input=rest, env={**os.environ, **here}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = '"matches":[{"id":"first"'
    assert found in done.stdout
    with httpx.Client(base_url=served["url"], timeout=30) as http:
        signed_up(served, http, "emil@example.com")
        body = {"namespace": {"name": "big", "dimension": 384, "metric": "dot"}}
        started = http.post("/platform/v1/start", json=body).json()
    pasted = subprocess.run(
        ["sh", "-eu"], input=started["quickstart"], capture_output=True, text=True, check=False
    )
    assert pasted.returncode == 0, pasted.stderr
    assert found in pasted.stdout


def test_the_audit_log_is_verified_on_the_command_line(served: dict[str, Any]) -> None:
    """Beside the server that writes it."""
    with httpx.Client(base_url=served["url"], timeout=30) as http:
        signed_up(served, http, "carol@example.com")
        organization = http.post("/platform/v1/organizations", json={"name": "O"}).json()["id"]
    command = [sys.executable, "-m", "quartzdb.cli", "platform", "audit", "verify", organization]
    done = subprocess.run(
        [*command, "--data-dir", str(served["data_dir"])], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"{organization}: 1 events, whole\n"), done.stderr


def test_a_body_has_a_limit_and_answers_are_not_stored(served: dict[str, Any]) -> None:
    """Whoever asks."""
    with httpx.Client(base_url=served["url"], timeout=30) as http:
        refused = http.post("/platform/v1/sign-in", content=b" " * 70_000)
        assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
        answer = http.get("/platform/v1/session")
        assert answer.status_code == 401
        assert answer.headers["cache-control"] == "no-store"
        assert http.get("/platform/nothing").status_code == 404
        page = http.get("/platform/sign-in")
        assert page.status_code == 200
        assert "default-src 'none'; script-src 'self'" in page.headers["content-security-policy"]
