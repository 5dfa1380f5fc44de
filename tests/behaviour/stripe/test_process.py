"""`python -m local.stripe`: what it prints, and that all of it is there again after a restart."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.stripe.__main__ import main
from tests.stripe_server import client_of

_COMMAND = [sys.executable, "-m", "local.stripe"]


@contextmanager
def _running(*options: str) -> Iterator[dict[str, str]]:
    with subprocess.Popen([*_COMMAND, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def test_a_state_outlives_its_process(tmp_path: Path) -> None:
    """With the same keys, at another port."""
    file = tmp_path / "stripe.json"
    options = ("--state", str(file), "--secret-key", "sk_test_here", "--webhook-secret", "whsec_here")
    with _running(*options) as ready:
        assert ready["url"].startswith("http://127.0.0.1:")
        assert (ready["secret_key"], ready["webhook_secret"]) == ("sk_test_here", "whsec_here")
        made = client_of(ready["url"], "sk_test_here").customers.create({"name": "Ada"})
    with _running(*options, "--webhook", "http://127.0.0.1:1/hook") as ready:
        client = client_of(ready["url"], ready["secret_key"])
        assert client.customers.retrieve(made.id).name == "Ada"
        (endpoint,) = client.webhook_endpoints.list().data
        assert (endpoint.url, endpoint.enabled_events) == ("http://127.0.0.1:1/hook", ["*"])


@pytest.mark.parametrize(
    ("options", "word"),
    [(["--state", "broken.json"], "broken.json"), (["--webhook", "nowhere"], "valid http")],
)
def test_what_cannot_be_is_said(
    options: list[str],
    word: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A file that is no state, and an address that is none."""
    monkeypatch.chdir(tmp_path)
    Path("broken.json").write_text("not JSON")
    assert main(options) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("local/stripe cannot start: ")
    assert word in said.err
