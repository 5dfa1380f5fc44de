"""The real CDK command, pinned by package-lock.json, pointed at the emulator."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence

from local.failure import LocalDeploymentFailed
from local.work_directory import ACCOUNT, REGION, REPOSITORY, TOOLS, WorkDirectory

_CDK = TOOLS / "node_modules" / ".bin" / "cdk"
_INSTALLED = TOOLS / "node_modules" / ".package-lock.json"


def install() -> None:
    """Install the command as locked, unless it is there. Raises LocalDeploymentFailed."""
    lock = TOOLS / "package-lock.json"
    if _CDK.exists() and _INSTALLED.exists() and _INSTALLED.stat().st_mtime >= lock.stat().st_mtime:
        return
    npm = shutil.which("npm")
    if npm is None:
        raise LocalDeploymentFailed("npm is not installed; the CDK's command runs on Node.js.")
    quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
    _run([npm, "ci", "--ignore-scripts", *quiet, "--prefix", str(TOOLS)], dict(os.environ), "npm ci")


def bootstrap(work: WorkDirectory) -> None:
    """Make the CDK's own bucket and roles."""
    _cdk(work, ["bootstrap", f"aws://{ACCOUNT}/{REGION}", "--app", ""])


def deploy(
    work: WorkDirectory, architecture: str, settings: Mapping[str, object] | None = None
) -> dict[str, str]:
    """Deploy every stack, with these settings of `cdk/settings.py` besides; returns their outputs, by name."""
    chosen = [f"--context=quartzdb:{name}={value}" for name, value in (settings or {}).items()]
    _cdk(
        work,
        [
            "deploy",
            "--all",
            "--app",
            f"{sys.executable} app.py",
            "--require-approval",
            "never",
            "--context",
            "environment=local",
            "--context",
            f"quartzdb:architecture={architecture}",
            "--context",
            f"layers_dir={work.layers}",
            *chosen,
            "--output",
            str(work.folder / "cdk.out"),
            "--outputs-file",
            str(work.outputs),
        ],
    )
    return outputs(work)


def outputs(work: WorkDirectory) -> dict[str, str]:
    """What was put out by the last deployment. Raises LocalDeploymentFailed where there is none."""
    if not work.outputs.exists():
        raise LocalDeploymentFailed("Nothing is deployed: run `make deploy-local` first.")
    stacks: dict[str, dict[str, str]] = json.loads(work.outputs.read_text())
    return {
        name: value
        for stack in stacks.values()
        for name, value in stack.items()
        if not name.startswith("Export")
    }


def _cdk(work: WorkDirectory, arguments: Sequence[str]) -> None:
    environment = {
        **os.environ,
        **work.environment(),
        "CDK_DISABLE_CLI_TELEMETRY": "1",
        "CI": "1",  # no progress bars
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
    }
    environment.pop("AWS_PROFILE", None)
    _run([str(_CDK), *arguments], environment, f"cdk {arguments[0]}")


def _run(command: Sequence[str], environment: dict[str, str], name: str) -> None:
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LocalDeploymentFailed(f"{name} ended with {done.returncode}:\n{done.stdout[-4000:]}")
