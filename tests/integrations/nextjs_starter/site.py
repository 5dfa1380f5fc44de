"""The starter as one begins with it: written into a folder, built, and served."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from local.workerd import free_port

ROOT = Path(__file__).parents[3]
STARTER = ROOT / "integrations/nextjs-starter"
_DENY = Path(__file__).parent / "own_host.cjs"
_SECONDS_MAX = 400


class Site:
    """A folder with the starter. Its node_modules are those that are installed, with the client as it is packed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "site"
        self.outside = folder / "outside"
        self.log = folder / "log"
        self.outside.touch()
        shutil.rmtree(self.folder, ignore_errors=True)
        _run(["node", ROOT / "integrations/starter.mjs", self.folder], ROOT)
        # Links to the same files: they are many, and nothing writes to them.
        _run(["cp", "--archive", "--link", STARTER / "node_modules", self.folder / "node_modules"], ROOT)
        client = self.folder / "node_modules/@quartzdb/client"
        shutil.rmtree(client)
        _run(["npm", "pack", "--silent", "--pack-destination", folder], ROOT / "clients/javascript")
        [tarball] = folder.glob("*.tgz")
        with tarfile.open(tarball) as archive:
            archive.extractall(folder, filter="data")
        tarball.unlink()
        (folder / "package").rename(client)

    def environment(self, **more: str) -> dict[str, str]:
        """Of a process of Next.js: whatever it would send out of this machine is written down, and refused."""
        return {
            **os.environ,
            "NODE_OPTIONS": f"--require {_DENY}",
            "QUARTZDB_OUTSIDE": str(self.outside),
            **more,
        }

    def build(self) -> str:
        """What `npm run build` says, which has to succeed."""
        return _run(["npm", "run", "build"], self.folder, self.environment())

    @contextmanager
    def served(self, by: str = "start", **more: str) -> Iterator[str]:
        """`npm start` or `npm run dev`, on a free port, with further settings."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        command = ["node", "next.mjs", by, "--hostname", "127.0.0.1", "--port", str(port)]
        with (
            self.log.open("ab") as log,
            subprocess.Popen(
                command, cwd=self.folder, env=self.environment(**more), stdout=log, stderr=log
            ) as process,
        ):
            try:
                for _ in range(1200):
                    try:
                        httpx.get(f"{url}/favicon.ico")
                        break
                    except httpx.TransportError:
                        assert process.poll() is None, self.log.read_text()
                        time.sleep(0.05)  # until it listens: the condition is awaited
                yield url
            finally:
                process.terminate()


def _run(command: list[str | Path], cwd: Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
