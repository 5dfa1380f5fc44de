"""The edge router's bundle: small, of the standard library only, and a Lambda function by Lambda's own runtime."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from functions.edge_router.build import BUNDLE_BYTES_MAX, BundleTooLarge, build_bundle, main
from quartzdb.routing.decision.edge_config import CLOUDFLARE_SURFACE, EdgeConfig, EdgeOrigin, encode_config
from quartzdb.routing.decision.state import Mode, Origin, RoutingState
from tests.functions.emulator import running_bundle
from tests.functions.events import event, origin_request

CONFIG = EdgeConfig(
    {
        Origin.AWS: EdgeOrigin(None),
        Origin.CLOUDFLARE: EdgeOrigin("db.example.workers.dev", surface=CLOUDFLARE_SURFACE),
    }
)
SECRETS = ("aws-secret-value", "cloudflare-secret-value")
_ALONE = """
import sys, json
sys.path.insert(0, sys.argv[1])
import handler
print(json.dumps([sorted(sys.modules), handler.handler(json.loads(sys.argv[2]), None)]))
"""


def request_event(target: str) -> Any:
    document = origin_request("GET", target)
    document["Records"][0]["cf"]["request"]["origin"]["custom"]["customHeaders"] = {
        name: [{"key": name, "value": value}]
        for name, value in (
            ("x-quartzdb-origin-secret", SECRETS[0]),
            ("x-quartzdb-cloudflare-secret", SECRETS[1]),
        )
    }
    return document


def test_the_bundle_is_small_and_the_same_each_time(tmp_path: Path) -> None:
    """Lambda@Edge takes 50 MB; every location loads it, so it has no more than it needs."""
    first, second = (build_bundle(CONFIG, tmp_path / name) for name in ("first", "second"))

    def content(folder: Path) -> dict[str, bytes]:
        files = (path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    assert content(first) == content(second)
    assert sum(len(each) for each in content(first).values()) < BUNDLE_BYTES_MAX
    assert "quartzdb/routing/decision/policy.py" not in content(first)


def test_the_bundle_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    """In a Python that sees neither this project nor any installed package."""
    bundle = build_bundle(CONFIG, tmp_path / "bundle")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _ALONE, str(bundle), json.dumps(request_event("/health"))],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={},
    )
    modules, answer = json.loads(done.stdout)
    strange = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names
    assert strange - {"__main__", "handler", "quartzdb"} <= {"sitecustomize", "usercustomize"}
    assert answer["origin"]["custom"]["domainName"] == "db.example.workers.dev"


def test_the_command_builds_it_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a deployment does; what was in the folder before is gone."""
    given = tmp_path / "edge.json"
    given.write_bytes(encode_config(CONFIG))
    out = tmp_path / "out"
    (out / "old").mkdir(parents=True)
    monkeypatch.setattr(sys, "argv", ["build", "--config", str(given), "--out", str(out)])
    main()
    assert (out / "edge_config.json").read_bytes() == encode_config(CONFIG)
    assert not (out / "old").exists()


def test_a_bundle_that_is_too_large_is_not_built(tmp_path: Path) -> None:
    """It would be something that does not belong there."""
    initial = RoutingState(1, 1, Origin.AWS, Mode.DIRECT, 0, "", primary=Origin.AWS)
    names = {f"name-{number}.example.org": ("127.0.0.1", 80, "http") for number in range(20_000)}
    config = EdgeConfig(CONFIG.origins, initial=initial, resolve=names)  # type: ignore[arg-type]  # as JSON has it
    with pytest.raises(BundleTooLarge):
        build_bundle(config, tmp_path / "bundle")


def test_under_lambdas_runtime_it_answers_both_events(tmp_path: Path) -> None:
    """A request is rewritten, an answer says who gave it, and a state that cannot be read stops neither."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/bucket/routing/state.json"
        config = EdgeConfig(CONFIG.origins, state_url=url)
        with running_bundle(build_bundle(config, tmp_path / "bundle")) as instance:
            request = instance.invoke(request_event("/api/get/a"))
            answer = instance.invoke(event("origin_response"))
            log = instance.log
    custom = request["origin"]["custom"]
    assert custom["domainName"] == "db.example.workers.dev"
    assert custom["customHeaders"]["x-quartzdb-origin-secret"][0]["value"] == SECRETS[1]
    assert request["headers"]["host"][0]["value"] == "db.example.workers.dev"
    assert answer["status"] == "200"
    assert answer["headers"]["x-quartzdb-served-by"][0]["value"] == "aws"
    assert "the routing state could not be read" in log
    assert not [secret for secret in SECRETS if secret in log]
