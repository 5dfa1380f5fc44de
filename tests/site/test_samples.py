"""Every code sample of the API's page runs against a real server, after the steps of its scenario before it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from docsite.samples import curl, javascript, python, rust
from docsite.samples.steps import NAMESPACE, Sample, samples
from tests.clients.rust import NotInstalled, cargo
from tests.server_process import ServerProcess

ROOT = Path(__file__).parents[2]
_SILENT = ("create_namespace", "list_vectors")
"""What prints nothing: it only makes something, or lists what its scenario has deleted before."""
JAVASCRIPT = ROOT / "clients/javascript"


@pytest.fixture(scope="module")
def environment(server: ServerProcess) -> Mapping[str, str]:
    return {**os.environ, "QUARTZDB_URL": server.url, "QUARTZDB_API_KEY": server.key}


def _of_its_own(program: str, number: int, language: str) -> str:
    """In a namespace that no other sample has."""
    return program.replace(NAMESPACE, f"{NAMESPACE}_{language}_{number}")


def _ran(command: list[str], environment: Mapping[str, str], **more: Path) -> str:
    ended = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=240,
        check=False,
        **more,  # type: ignore[call-overload]
    )
    assert ended.returncode == 0, ended.stderr[-3_000:] + ended.stdout[-1_000:]
    return str(ended.stdout)


def test_commands_of_curl(environment: Mapping[str, str]) -> None:
    """Each answers with success: curl is told to fail where it does not."""
    for number, one in enumerate(samples()):
        script = "set -e\n" + "\n".join(curl.shown(step) for step in one.steps)
        _ran(["bash", "-c", _of_its_own(script, number, "curl")], environment)


def test_commands_for_operators(environment: Mapping[str, str]) -> None:
    """Keys, erasures, usage: with the ids that earlier ones gave."""
    setting = [step for one in samples() if one.operation == "put_value" for step in one.steps]
    script = "set -e\n" + "\n".join(curl.shown(step) for step in setting)
    script = script.replace("/kv/k", "/kv/greeting")
    _ran(["bash", "-c", script], environment)
    known = dict(environment)
    for operation, command in curl.OTHERS.items():
        said = _ran(["bash", "-c", command], known)
        if operation == "create_key":
            known["KEY_ID"] = json.loads(said)["id"]
        if operation == "erase":
            known["ERASURE_ID"] = json.loads(said)["id"]


def test_programs_in_python(environment: Mapping[str, str]) -> None:
    """Each prints something."""
    for number, one in enumerate(samples()):
        program = _of_its_own(python.program(one.steps), number, "python")
        said = _ran([sys.executable, "-c", program], environment)
        assert said or one.operation in _SILENT, one.operation


def test_programs_in_javascript(environment: Mapping[str, str]) -> None:
    """As modules of a folder that has the client installed."""
    if not (JAVASCRIPT / "dist").is_dir():
        pytest.skip("not built: the client for JavaScript (needs npm)")
    for number, one in enumerate(samples()):
        program = _of_its_own(javascript.program(one.steps), number, "javascript")
        said = _ran(["node", "--input-type=module", "-e", program], environment, cwd=JAVASCRIPT)
        assert said or one.operation in _SILENT, one.operation


def test_programs_in_rust(environment: Mapping[str, str]) -> None:
    """All in one example of the crate, each a function, so that the crate is linked once."""
    example = ROOT / "clients/rust/examples/samples_of_docs.rs"
    example.write_text(_one_program(samples()))
    try:
        built = cargo("build", "--example", "samples_of_docs")
    except NotInstalled as missing:
        pytest.skip(str(missing))
    finally:
        example.unlink()
    assert built.returncode == 0, built.stderr
    said = _ran([str(ROOT / "build/rust/debug/examples/samples_of_docs")], environment)
    assert len(said.splitlines()) >= len(samples()) - 1


def _one_program(every: list[Sample]) -> str:
    functions = []
    for number, one in enumerate(every):
        body = "\n".join(rust.statements(one.steps))
        function = f"fn sample_{number}() -> Result<(), Box<dyn std::error::Error>> {{\n{body}\nOk(())\n}}"
        functions.append(_of_its_own(function, number, "rust"))
    calls = "\n".join(f"sample_{number}().unwrap();" for number in range(len(every)))
    uses = "use quartzdb_client::{Client, FeedOptions, ListOptions, PutOptions};\nuse serde_json::{from_value, json};"
    return "\n\n".join([uses, *functions, f"fn main() {{\n{calls}\n}}"])
