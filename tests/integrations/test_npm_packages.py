"""Each package of integrations/ for TypeScript: as it is packed, beside each version of its framework it is for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integrations.npm_project import INSTALLED, INTEGRATIONS, ROOT, NpmProject, example
from tests.server_process import ServerProcess

TESTS = Path(__file__).parent
WORKSPACES: list[str] = json.loads((INTEGRATIONS / "package.json").read_text())["workspaces"]
CLIENT = {"@quartzdb/client": "@quartzdb/client", "@types/node": "@types/node"}
AI = {"6": {**CLIENT, "ai": "ai-6", "zod": "zod"}, "7": {**CLIENT, "ai": "ai", "zod": "zod"}}

MASTRA = {**CLIENT, "@mastra/core": "@mastra/core", "zod": "zod"}


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    if shutil.which("npm") is None:
        pytest.skip("not installed: npm")
    assert INSTALLED.is_dir(), "The frameworks are not installed: make integrations/node_modules/.stamp"


@pytest.mark.parametrize("version", AI)
def test_ai_sdk(version: str, server: ServerProcess, tmp_path: Path) -> None:
    """Its tests, its types, and the examples, with models that stand for OpenAI's."""
    project = NpmProject(tmp_path, "vercel-ai", AI[version])
    project.tests(TESTS / "vercel_ai", server)
    openai = tmp_path / "node_modules/@ai-sdk/openai"
    openai.parent.mkdir(exist_ok=True)
    shutil.copytree(TESTS / "vercel_ai/openai", openai)
    programs = {
        "readme": example(INTEGRATIONS / "vercel-ai/README.md"),
        "docs": example(ROOT / "docs/integrations.md", "AI SDK"),
    }
    for name, program in programs.items():
        (tmp_path / f"{name}.ts").write_text(program)
        run = program.replace("http://127.0.0.1:8787", server.url).replace("qdb_live_…", server.key)
        # Both versions have the same server.
        run = run.replace('"handbook"', f'"handbook-{version}"').replace(
            '"ai-notes"', f'"ai-notes-{version}"'
        )
        (tmp_path / f"{name}.js").write_text(run)
    project.types("typed.ts", "readme.ts", "docs.ts")
    reachable = {"QUARTZDB_URL": server.url, "QUARTZDB_API_KEY": server.key}
    answer = "The office opens at nine [hours].\n"
    assert project.run("node", "readme.js") == f"3 written, 0 failed\n{answer}"
    assert project.run("node", "docs.js", **reachable) == answer


def test_mastra(server: ServerProcess, tmp_path: Path) -> None:
    """Its tests, its types, and the examples."""
    project = NpmProject(tmp_path, "mastra", MASTRA)
    project.tests(TESTS / "mastra", server)
    readme = example(INTEGRATIONS / "mastra/README.md")
    (tmp_path / "readme.ts").write_text(readme)
    docs = example(ROOT / "docs/integrations.md", "Mastra")
    (tmp_path / "docs.ts").write_text(docs)
    project.types("typed.ts", "readme.ts", "docs.ts")
    (tmp_path / "readme.js").write_text(
        readme.replace("http://127.0.0.1:8787", server.url).replace("qdb_live_…", server.key)
    )
    (tmp_path / "docs.js").write_text(docs)
    assert project.run("node", "readme.js") == "dune 0.99 [ 'emma', 'dune' ]\n"
    reachable = {"QUARTZDB_URL": server.url, "QUARTZDB_API_KEY": server.key}
    assert project.run("node", "docs.js", **reachable) == "dune\n"


@pytest.mark.parametrize("package", WORKSPACES)
def test_every_kind_of_project_can_import_it(package: str) -> None:
    """Types and modules, by what packages are checked with."""
    checked = subprocess.run(
        ["npm", "run", "--silent", "check"],
        cwd=INTEGRATIONS / package,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("package", WORKSPACES)
def test_it_brings_nothing_along(package: str) -> None:
    """No dependency beside the client and the framework, which are the user's; its own licence and history."""
    described = json.loads((INTEGRATIONS / package / "package.json").read_text())
    assert "dependencies" not in described
    assert "@quartzdb/client" in described["peerDependencies"]
    assert set(described["files"]) == {"dist", "README.md", "LICENSE", "CHANGELOG.md"}
    assert all((INTEGRATIONS / package / name).is_file() for name in ("README.md", "LICENSE", "CHANGELOG.md"))
    assert f"## {described['version']}\n" in (INTEGRATIONS / package / "CHANGELOG.md").read_text()
    peers = "|".join(re.escape(name) for name in described["peerDependencies"])
    for module in (INTEGRATIONS / package / "dist").rglob("*.js"):
        for imported in re.findall(r'^(?:import|export) .*from "(.*)";$', module.read_text(), re.MULTILINE):
            assert re.fullmatch(rf"\./.*|(?:{peers})(?:/.*)?", imported), (module, imported)
