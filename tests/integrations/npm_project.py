"""A project of somebody who uses a package of integrations/: the packed package and its framework, nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from tests.server_process import ServerProcess

ROOT = Path(__file__).parents[2]
INTEGRATIONS = ROOT / "integrations"
INSTALLED = INTEGRATIONS / "node_modules"
_SECONDS_MAX = 240


class NpmProject:
    """A folder whose node_modules has what `needs` says: by name, which of the installed packages goes by it."""

    def __init__(self, folder: Path, package: str, needs: Mapping[str, str]) -> None:
        self.folder = folder
        (folder / "package.json").write_text(json.dumps({"name": "new", "private": True, "type": "module"}))
        described = json.loads((INTEGRATIONS / package / "package.json").read_text())
        self.run("npm", "pack", "--silent", "--pack-destination", folder, INTEGRATIONS / package)
        [tarball] = folder.glob("*.tgz")
        with tarfile.open(tarball) as archive:
            archive.extractall(folder, filter="data")
        tarball.unlink()
        into = folder / "node_modules" / described["name"]
        into.parent.mkdir(parents=True)
        (folder / "package").rename(into)
        for name, installed in needs.items():
            link = folder / "node_modules" / name
            link.parent.mkdir(exist_ok=True)
            link.symlink_to((INSTALLED / installed).resolve(), target_is_directory=True)

    def run(self, *command: str | Path, **environment: str) -> str:
        """What a command prints, which has to succeed."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS_MAX,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def tests(self, folder: Path, server: ServerProcess) -> None:
        """Run what is named `….test.js` in a folder, each in its process. All has to pass, nothing be skipped."""
        shutil.copytree(folder, self.folder, dirs_exist_ok=True)
        files = sorted(one.name for one in folder.glob("*.test.js"))
        assert files
        said = self.run(
            "node",
            "--test",
            "--test-reporter=tap",
            *files,
            QUARTZDB_URL=server.url,
            QUARTZDB_API_KEY=server.key,
        )
        counts = {name: int(count) for name, count in re.findall(r"^# (\w+) (\d+)$", said, re.MULTILINE)}
        assert counts["pass"] >= len(files), said
        assert (counts["fail"], counts["skipped"], counts["todo"], counts["cancelled"]) == (0, 0, 0, 0), said

    def types(self, *files: str) -> None:
        """These are right for TypeScript, at its strictest."""
        options = [
            "--noEmit",
            "--strict",
            "--noUncheckedIndexedAccess",
            "--module",
            "nodenext",
            "--target",
            "es2022",
        ]
        self.run(
            "node", INSTALLED / "typescript/bin/tsc", *options, "--skipLibCheck", "--types", "node", *files
        )


def example(page: Path, heading: str | None = None) -> str:
    """The one program of a page, or of a `## heading` on it."""
    text = page.read_text()
    if heading is not None:
        [text] = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    found: str
    [found] = re.findall(r"```ts\n(.*?)```", text, re.DOTALL)
    return found
