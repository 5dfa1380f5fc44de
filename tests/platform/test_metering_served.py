"""`quartzdb platform serve` counts what requests to its database use."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from quartzdb_platform.adapters.sqlite_documents import SqliteDocuments
from quartzdb_platform.metering import places


def test_a_server_that_was_stopped_has_counted_everything(tmp_path: Path) -> None:
    """What the receipts say, to the unit; and nothing is left in the journal."""
    data = tmp_path / "data"
    command = [
        sys.executable,
        "-m",
        "quartzdb.cli",
        "platform",
        "serve",
        "--data-dir",
        str(data),
        "--port",
        "0",
    ]
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        served = json.loads(process.stdout.readline())
        with httpx.Client(base_url=served["url"], timeout=30) as http:
            assert http.post("/platform/v1/sign-in", json={"email": "a@example.com"}).status_code == 202
            (mail,) = Path(served["outbox"]).glob("*.eml")
            code = re.findall(r"\b\d{6,8}\b", mail.read_text().partition("\n\n")[2])[0]
            verified = http.post("/platform/v1/sign-in/verify", json={"email": "a@example.com", "code": code})
            session = {"Authorization": f"Bearer {verified.json()['token']}"}
            body = {"namespace": {"name": "books", "dimension": 3}}
            started = http.post("/platform/v1/start", json=body, headers=session).json()
            project = started["project"]["id"]
            key = {"Authorization": f"Bearer {started['key']['key']}"}
            written = [
                http.put(f"/v1/namespaces/books/kv/{n}", content=b"x" * 1024 * n, headers=key).json()["usage"]
                for n in range(1, 9)
            ]
            read = http.get("/v1/namespaces/books/kv/8", headers=key).headers["x-usage"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    with SqliteDocuments(data / "platform.db") as table:
        (month,) = table.query(places.usage_pk(project), places.MONTH, limit=9)
        assert month.body["write_units"] == sum(one["write_units"] for one in written) == 36
        assert month.body["read_units"] == json.loads(read)["read_units"] == 1
        assert month.body["requests"] == 9
