"""`python -m local deploy|smoke|undeploy`: what the targets of the Makefile run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from layers.build.failure import BuildFailed
from local import cdk_command, emulator
from local.failure import LocalDeploymentFailed
from local.layers import prepare_layers
from local.smoke import Smoke
from local.work_directory import DEFAULT_FOLDER, DEFAULT_PORT, WorkDirectory


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("action", choices=["deploy", "smoke", "undeploy"])
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="of the emulator, on 127.0.0.1")
    parser.add_argument("--python", type=Path, help="the CPython 3.13 to build the layers with")
    options = parser.parse_args(arguments)
    work = WorkDirectory(DEFAULT_FOLDER, options.port)
    try:
        if options.action == "deploy":
            deploy(work, options.python)
        if options.action in {"deploy", "smoke"}:
            Smoke(work, cdk_command.outputs(work), _say).run()
        if options.action == "undeploy":
            emulator.remove(work)
            _say(f"{work.folder} is gone, and so is the emulator")
    except (LocalDeploymentFailed, BuildFailed) as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    return 0


def deploy(work: WorkDirectory, python: Path | None = None) -> dict[str, str]:
    """Layers, emulator, bootstrap, every stack. Works again over what is there. Raises LocalDeploymentFailed."""
    if emulator.interpreter_version() != (3, 13):
        raise LocalDeploymentFailed(
            "The emulator runs functions on its own Python, which has to be Lambda's: CPython 3.13 in .venv-ministack."
        )
    cdk_command.install()
    _say("packing the package …")
    architecture = prepare_layers(work.layers, python=python)
    emulator.start(work)
    _say(f"the emulator is at {work.endpoint}; deploying …")
    cdk_command.bootstrap(work)
    outputs = cdk_command.deploy(work, architecture)
    for name, value in sorted(outputs.items()):
        _say(f"  {name:20} {value}")
    return outputs


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
