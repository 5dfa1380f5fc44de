"""What `make platform` starts: the platform and local/stripe, which sells the plans."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from local.platform import STATE, main

_COMMAND = [sys.executable, "-m", "local.platform", "--json", "--port", "0", "--data-dir"]


def test_the_platform_has_a_stripe_beside_it(tmp_path: Path) -> None:
    """With all prices in it, and the state where the data are. Asked to stop, both do."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QUARTZDB_")}
    with subprocess.Popen(
        [*_COMMAND, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = json.loads(process.stdout.readline())["url"]
        said = process.stderr.readline()
        assert httpx.get(f"{url}/platform/").status_code == 200
        # Billing is on: what nobody signed is refused, and not unknown.
        assert httpx.post(f"{url}/platform/webhooks/stripe", content=b"{}").status_code == 400
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert "it is not Stripe" in said
    stripe = next(word for word in said.split() if word.startswith("http")).removesuffix(":")
    with pytest.raises(httpx.ConnectError):
        httpx.get(stripe)
    prices = json.loads((tmp_path / STATE).read_text())["price"].values()
    keys = {each["lookup_key"] for each in prices}
    assert {"quartzdb_pro_month_2026-11", "quartzdb_business_read_units_2026-11"} <= keys


def test_what_is_no_option_is_said_by_the_command_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """All options but two are its own; an account of Stripe's needs no server beside it."""
    monkeypatch.setenv("QUARTZDB_STRIPE_SECRET_KEY", "nonsense")
    assert main(["--data-dir", str(tmp_path)]) != 0
    assert "no secret key of Stripe's" in capfd.readouterr().err
    assert not (tmp_path / STATE).exists()


def test_a_data_directory_that_cannot_be_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is started."""
    monkeypatch.delenv("QUARTZDB_STRIPE_SECRET_KEY", raising=False)
    file = tmp_path / "file"
    file.touch()
    assert main(["--data-dir", str(file)]) == 1
    assert "Name another by --data-dir" in capsys.readouterr().err
