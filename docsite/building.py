"""From docs/ to a finished site: staged, generated, finished, and put in place whole."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import quartzdb
from docsite import finishing, plain, staging
from docsite.made import made

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class BuildFailed(Exception):
    """The site was not built; what was there is still there."""


def build(into: Path, *, zensical: Path) -> int:
    """Build the site, in place of one that is there; how many pages it has. Raises BuildFailed."""
    if not zensical.exists():
        raise BuildFailed(
            f"The generator is not installed at {zensical}. `make docs` installs it and builds."
        )
    version = quartzdb.__version__
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent, prefix=".docs-") as work:
        folder = Path(work)
        staging.stage(folder, version=version, made=made())
        _generate(folder, zensical)
        site = folder / "site"
        finishing.finish(site)
        plain.write(site, folder / "docs")
        versions = [{"version": version, "title": version, "aliases": ["latest"]}]
        (site / "versions.json").write_text(json.dumps(versions) + "\n", "utf-8")
        site.chmod(0o755)
        shutil.rmtree(into, ignore_errors=True)
        site.rename(into)
    return len(list(into.rglob("index.html")))


def _generate(folder: Path, zensical: Path) -> None:
    environment = {**os.environ, "NO_COLOR": "1"}
    ended = subprocess.run(  # noqa: S603 - our own generator
        [zensical.resolve() if not zensical.is_absolute() else zensical, "build", "--clean", "--strict"],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ended.returncode != 0:
        said = _COLOURS.sub("", ended.stdout + ended.stderr)
        raise BuildFailed(f"Zensical refused the pages:\n{said}")
