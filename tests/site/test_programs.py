"""Programs of Markdown files in JavaScript, TypeScript and Rust do what the pages say, against a real server.

Those of a file run one after the other, each whole, with this server's address and key in the place of those that pages
show. What stands below a program as `text` is what it prints, all of it. TypeScript is checked with its types first.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from docsite.sources import ROOT
from tests.clients.rust import NotInstalled, cargo
from tests.docs.examples import Block, markdown_files
from tests.docs.where_run import name, run_as_programs
from tests.server_process import ServerProcess

CLIENT = ROOT / "clients/javascript"
TYPESCRIPT = CLIENT / "node_modules/typescript/bin/tsc"
_TYPES = [
    *("--strict", "--noUncheckedIndexedAccess", "--skipLibCheck"),
    *("--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom,dom.asynciterable"),
]
_EXAMPLES = ROOT / "clients/rust/examples"
_SHOWN_URL, _SHOWN_KEY = "http://127.0.0.1:8787", "qdb_live_…"


def files(*languages: str) -> list[Path]:
    """Those with programs in one of these."""
    return [
        one for one in markdown_files() if any(block.language in languages for block in run_as_programs(one))
    ]


@pytest.fixture(scope="module")
def environment(server: ServerProcess) -> Mapping[str, str]:
    return {**os.environ, "QUARTZDB_URL": server.url, "QUARTZDB_API_KEY": server.key}


@pytest.fixture(autouse=True)
def _nothing_is_left(server: ServerProcess) -> None:
    with server.client() as client:
        for one in client.get("/namespaces").json()["namespaces"]:
            client.delete(f"/namespaces/{one['name']}").raise_for_status()


@pytest.mark.parametrize("file", files("js", "ts"), ids=name)
def test_javascript_and_typescript(
    file: Path, server: ServerProcess, environment: Mapping[str, str], tmp_path: Path
) -> None:
    """As modules of a new project that has the client installed."""
    if not (CLIENT / "dist").is_dir():
        pytest.skip("not built: the client for JavaScript (needs npm)")
    _new_project(tmp_path)
    for number, block in enumerate(one for one in run_as_programs(file) if one.language in ("js", "ts")):
        program = tmp_path / f"program_{number}.{block.language}"
        program.write_text(_with(block.code, server), "utf-8")
        if block.language == "ts":
            _ran(["node", TYPESCRIPT, *_TYPES, program], environment, tmp_path, block)
        said = _ran(["node", program.with_suffix(".js")], environment, tmp_path, block)
        assert block.fits(said), f"{name(file)}:{block.line} prints\n{said}\nand not\n{block.printed}"


def test_rust(server: ServerProcess, environment: Mapping[str, str], tmp_path: Path) -> None:
    """Each as an example of the crate, all built at once. What has no `main` is put into one, as rustdoc does it."""
    programs = [
        (file, one) for file in files("rust") for one in run_as_programs(file) if one.language == "rust"
    ]
    names = [f"program_of_docs_{number}" for number in range(len(programs))]
    try:
        for program, (_, block) in zip(names, programs, strict=True):
            (_EXAMPLES / f"{program}.rs").write_text(_with(_whole(block.code), server), "utf-8")
        built = cargo("build", *(word for one in names for word in ("--example", one)))
    except NotInstalled as missing:
        pytest.skip(str(missing))
    finally:
        for program in names:
            (_EXAMPLES / f"{program}.rs").unlink(missing_ok=True)
    assert built.returncode == 0, built.stderr
    assert programs
    for program, (file, block) in zip(names, programs, strict=True):
        said = _ran([ROOT / "build/rust/debug/examples" / program], environment, tmp_path, block)
        assert block.fits(said), f"{name(file)}:{block.line} prints\n{said}\nand not\n{block.printed}"


def test_a_program_that_is_wrong_fails(environment: Mapping[str, str], tmp_path: Path) -> None:
    """Also one whose types alone are wrong."""
    if not (CLIENT / "dist").is_dir():
        pytest.skip("not built: the client for JavaScript (needs npm)")
    _new_project(tmp_path)
    program = tmp_path / "wrong.ts"
    program.write_text('import { QuartzDB } from "@quartzdb/client";\nnew QuartzDB({ url: 7 });\n')
    with pytest.raises(AssertionError, match="TS2322"):
        _ran(["node", TYPESCRIPT, *_TYPES, program], environment, tmp_path, Block("ts", "", None, None))


def _new_project(folder: Path) -> None:
    (folder / "package.json").write_text(json.dumps({"name": "new", "private": True, "type": "module"}))
    link = folder / "node_modules/@quartzdb/client"
    link.parent.mkdir(parents=True)
    link.symlink_to(CLIENT, target_is_directory=True)


def _with(code: str, server: ServerProcess) -> str:
    return code.replace(_SHOWN_URL, server.url).replace(_SHOWN_KEY, server.key)


def _whole(code: str) -> str:
    if re.search(r"^fn main\(", code, re.MULTILINE):
        return code
    lines = code.splitlines()
    uses = [line for line in lines if line.startswith("use ")]
    rest = [line for line in lines if not line.startswith("use ")]
    return "\n".join([*uses, "fn main() -> Result<(), Box<dyn std::error::Error>> {", *rest, "Ok(())", "}"])


def _ran(command: list[str | Path], environment: Mapping[str, str], folder: Path, block: Block) -> str:
    """What it prints, which has to succeed."""
    assert shutil.which(str(command[0])), command[0]
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert ended.returncode == 0, f"{block.code}\n{ended.stdout[-3_000:]}{ended.stderr[-3_000:]}"
    return ended.stdout
