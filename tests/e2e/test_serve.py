"""`quartzdb serve` as a process: what it prints, what it serves, how it stops, and how processes share a directory."""

from __future__ import annotations

import os
import pty
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from quartzdb.cli.serve.settings import limit_threads
from tests.cli.invoke import answer
from tests.server_process import ServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for the tests that only ask it something."""
    with ServerProcess(tmp_path_factory.mktemp("serve") / "data") as process:
        yield process


def create(client: httpx.Client, name: str, dimension: int = 3) -> None:
    """A namespace."""
    response = client.post("/namespaces", json={"name": name, "dimension": dimension, "metric": "cosine"})
    response.raise_for_status()


def upsert(client: httpx.Client, namespace: str, record_id: str, vector: list[float]) -> None:
    """One record."""
    body = {"vectors": [{"id": record_id, "vector": vector}]}
    client.post(f"/namespaces/{namespace}/vectors", json=body).raise_for_status()


def nearest(client: httpx.Client, namespace: str, vector: list[float]) -> str | None:
    """The id of the best match."""
    response = client.post(f"/namespaces/{namespace}/query", json={"vector": vector, "top_k": 1})
    matches = response.raise_for_status().json()["matches"]
    return matches[0]["id"] if matches else None


def test_the_ready_line_is_enough_for_a_script(server: ServerProcess) -> None:
    """One JSON line with the URL, the first key and the directory; requests work as soon as it is there."""
    assert set(server.ready) == {"url", "key", "data_dir"}
    assert Path(server.ready["data_dir"]).is_dir()
    with server.client() as client:
        create(client, "ready")
        upsert(client, "ready", "a", [1, 0, 0])
        assert nearest(client, "ready", [1, 0.1, 0]) == "a"


def test_a_key_created_beside_the_server_works_at_once(server: ServerProcess) -> None:
    """`keys create` writes to the same directory; the server's next request knows the key."""
    created = answer(Path(server.ready["data_dir"]), "keys", "create", "--name", "new", "--scopes", "read")
    with server.client(created["key"]) as client:
        assert client.get("/namespaces").status_code == 200
        assert client.post("/namespaces", json={"name": "no", "dimension": 3}).status_code == 403


def test_an_import_beside_the_server_is_seen_in_its_next_request(
    server: ServerProcess, tmp_path: Path
) -> None:
    """The command and the server are two processes on one directory."""
    (tmp_path / "x.jsonl").write_text('{"id": "imported", "vector": [0, 0, 1]}\n')
    with server.client() as client:
        create(client, "beside")
        assert nearest(client, "beside", [0, 0, 1]) is None
        answer(Path(server.ready["data_dir"]), "import", tmp_path / "x.jsonl", "--namespace", "beside")
        assert nearest(client, "beside", [0, 0, 1]) == "imported"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed, and the requests are for it")
def test_the_printed_requests_work_as_they_stand(tmp_path: Path) -> None:
    """What a person is told to paste is pasted here, and again after a restart, which shows no key any more."""
    command = [
        sys.executable,
        "-m",
        "quartzdb.cli",
        "serve",
        "--data-dir",
        str(tmp_path / "data"),
        "--port",
        "0",
    ]
    for start in ("first", "second"):
        # A terminal, because the key is shown to nobody else: what is no terminal is a log, which others read.
        controller, terminal = pty.openpty()
        with subprocess.Popen(command, stdout=terminal) as process, os.fdopen(controller) as screen:
            os.close(terminal)
            said = ""
            while "Stop with" not in said:
                line = screen.readline()
                assert line, said
                said += line
            if start == "first":
                pasted = re.findall(r"^  (curl .*?)\n\n", said, re.MULTILINE | re.DOTALL)
                assert len(pasted) == 3
                for request in pasted:
                    arguments = shlex.split(request.replace("\\\n", " "))
                    ran = subprocess.run(
                        [*arguments, "--fail-with-body"], check=False, capture_output=True, text=True
                    )
                    assert ran.returncode == 0, ran.stdout
                assert '"id":"dune"' in ran.stdout.replace(" ", "")
            else:
                assert "qdb_live_" not in said
                assert "quartzdb keys create" in said
                assert "There is 1 API key already" in said
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stopped_server_exits_with_0_and_keeps_everything(tmp_path: Path, workers: int) -> None:
    """SIGTERM ends it cleanly, and what was acknowledged is there after the next start."""
    data = tmp_path / "data"
    with ServerProcess(data, "--workers", str(workers)) as first:
        with first.client() as client:
            create(client, "n")
            upsert(client, "n", "a", [1, 0, 0])
            client.put("/namespaces/n/kv/greeting", content=b"hello").raise_for_status()
        assert first.terminate() == 0
        key = first.key
    with ServerProcess(data, "--workers", str(workers), key=key) as second:
        assert second.ready["key"] is None
        with second.client() as client:
            assert nearest(client, "n", [1, 0, 0]) == "a"
            assert client.get("/namespaces/n/kv/greeting").content == b"hello"
        assert second.terminate() == 0
    assert data.with_name("data.log").read_text() == "", "nothing went wrong, so nothing is logged"


def test_two_servers_on_one_directory_see_each_others_writes_at_once(tmp_path: Path) -> None:
    """The very next request of the other server has the write: vectors and key-values, fifty times in a row."""
    data = tmp_path / "data"
    with (
        ServerProcess(data) as one,
        ServerProcess(data, key=one.key, log=tmp_path / "two.log") as two,
        one.client() as a,
        two.client() as b,
    ):
        create(a, "n")
        for turn in range(50):
            writer, reader = (a, b) if turn % 2 else (b, a)
            vector = [float(turn + 1), 100.0 - turn, 1.0]
            upsert(writer, "n", f"r{turn}", vector)
            assert nearest(reader, "n", vector) == f"r{turn}"
            writer.put("/namespaces/n/kv/turn", content=str(turn).encode()).raise_for_status()
            assert reader.get("/namespaces/n/kv/turn").content == str(turn).encode()


def test_workers_share_one_port_and_see_each_others_writes(tmp_path: Path) -> None:
    """With several workers a fresh connection may meet any of them; each write is seen by the next request."""
    with ServerProcess(tmp_path / "data", "--workers", "2") as server:
        with server.client() as client:
            create(client, "n")
        for turn in range(30):
            vector = [float(turn + 1), 50.0 - turn, 1.0]
            with server.client() as writer:
                upsert(writer, "n", f"r{turn}", vector)
            with server.client() as reader:
                assert nearest(reader, "n", vector) == f"r{turn}"
        assert server.terminate() == 0


def test_workers_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    """No orphan keeps the port."""
    server = ServerProcess(tmp_path / "data", "--workers", "2")
    try:
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait(10)
        port = httpx.URL(server.url).port
        assert port is not None
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and accepts(port):
            time.sleep(0.1)  # the condition is awaited
        assert not accepts(port)
    finally:
        server.kill()


def accepts(port: int) -> bool:
    """Whether anything listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_port_in_use_is_told(server: ServerProcess, tmp_path: Path) -> None:
    """Which port, and what to do; nothing is left behind, not even a used-up first key."""
    port = str(httpx.URL(server.url).port)
    said = refused("--data-dir", str(tmp_path / "data"), "--port", port)
    assert f"Port {port} on 127.0.0.1 is in use" in said
    assert "--port" in said
    with ServerProcess(tmp_path / "data") as other:
        assert other.ready["key"] is not None


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """Here a file is in the way; a missing permission reads the same."""
    (tmp_path / "file").write_text("")
    said = refused("--data-dir", str(tmp_path / "file" / "data"), "--port", "0")
    assert "cannot be written to" in said
    assert "--data-dir" in said


def test_an_unknown_host_is_told(tmp_path: Path) -> None:
    """An address that this machine does not have."""
    said = refused("--data-dir", str(tmp_path / "data"), "--host", "192.0.2.1", "--port", "0")
    assert "Cannot listen on 192.0.2.1" in said


def refused(*options: str) -> str:
    """What a server that does not start says: one message and a hint on stderr, status 1, no traceback."""
    command = [sys.executable, "-m", "quartzdb.cli", "serve", *options]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert "Traceback" not in ran.stderr
    assert ran.stderr.startswith("error: ")
    assert "\nhint: " in ran.stderr
    return ran.stderr


def test_each_process_keeps_to_one_thread_of_blas() -> None:
    """Requests run side by side, so a pool of threads in each would only make them wait for one another."""
    environment = {"OMP_NUM_THREADS": "3"}
    limit_threads(environment)
    assert environment["OMP_NUM_THREADS"] == "3", "what the user said stays"
    assert environment["OPENBLAS_NUM_THREADS"] == "1"
