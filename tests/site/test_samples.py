"""Every code sample of the API's page runs against a real server, after the steps of its scenario before it."""

from __future__ import annotations

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
_GIVEN = ("rotate_key", "revoke_key", "describe_erasure")
"""What goes by an id that an earlier call gave: by KEY_ID or ERASURE_ID."""
JAVASCRIPT = ROOT / "clients/javascript"


@pytest.fixture(scope="module")
def environment(server: ServerProcess) -> Mapping[str, str]:
    return {**os.environ, "QUARTZDB_URL": server.url, "QUARTZDB_API_KEY": server.key}


def _of_its_own(program: str, number: int, language: str) -> str:
    """In a namespace that no other sample has."""
    return program.replace(NAMESPACE, f"{NAMESPACE}_{language}_{number}")


def _known(
    server: ServerProcess, environment: Mapping[str, str], operation: str, number: int, language: str
) -> Mapping[str, str]:
    """The environment with what an earlier call would have given, made by hand."""
    if operation not in _GIVEN:
        return environment
    with server.client() as client:
        key = client.post("/keys", json={"name": f"{language} {number}", "scopes": ["read"]})
        name = _of_its_own(NAMESPACE, number, language)
        client.post("/namespaces", json={"name": name, "dimension": 1}).raise_for_status()
        begun = client.post(f"/namespaces/{name}/erase", json={"ids": ["a"]})
    return {**environment, "KEY_ID": key.json()["id"], "ERASURE_ID": begun.json()["id"]}


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


def test_commands_of_curl(server: ServerProcess, environment: Mapping[str, str]) -> None:
    """Each answers with success: curl is told to fail where it does not."""
    for number, one in enumerate(samples()):
        script = "set -e\n" + "\n".join(curl.shown(step) for step in one.steps)
        known = _known(server, environment, one.operation, number, "curl")
        _ran(["bash", "-c", _of_its_own(script, number, "curl")], known)


def test_programs_in_python(server: ServerProcess, environment: Mapping[str, str]) -> None:
    """Each prints something."""
    for number, one in enumerate(samples()):
        program = _of_its_own(python.program(one.steps), number, "python")
        known = _known(server, environment, one.operation, number, "python")
        said = _ran([sys.executable, "-c", program], known)
        assert said or one.operation in _SILENT, one.operation


def test_programs_in_javascript(server: ServerProcess, environment: Mapping[str, str]) -> None:
    """As modules of a folder that has the client installed."""
    if not (JAVASCRIPT / "dist").is_dir():
        pytest.skip("not built: the client for JavaScript (needs npm)")
    for number, one in enumerate(samples()):
        program = _of_its_own(javascript.program(one.steps), number, "javascript")
        known = _known(server, environment, one.operation, number, "javascript")
        said = _ran(["node", "--input-type=module", "-e", program], known, cwd=JAVASCRIPT)
        assert said or one.operation in _SILENT, one.operation


def test_programs_in_rust(server: ServerProcess, environment: Mapping[str, str]) -> None:
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
    program = str(ROOT / "build/rust/debug/examples/samples_of_docs")
    for number, one in enumerate(samples()):
        known = _known(server, environment, one.operation, number, "rust")
        said = _ran([program, str(number)], known)
        assert said or one.operation in _SILENT, one.operation


def _one_program(every: list[Sample]) -> str:
    functions = []
    for number, one in enumerate(every):
        body = "\n".join(rust.statements(one.steps))
        function = f"fn sample_{number}() -> Result<(), Box<dyn std::error::Error>> {{\n{body}\nOk(())\n}}"
        functions.append(_of_its_own(function, number, "rust"))
    calls = ",\n".join(f'"{number}" => sample_{number}().unwrap()' for number in range(len(every)))
    chosen = "std::env::args().nth(1).unwrap().as_str()"
    uses = "use quartzdb_client::{Client, FeedOptions, ListOptions, PutOptions};\nuse serde_json::{from_value, json};"
    return "\n\n".join(
        [uses, *functions, f"fn main() {{\nmatch {chosen} {{\n{calls},\n_ => panic!()\n}}\n}}"]
    )
