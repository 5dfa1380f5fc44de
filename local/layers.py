"""The layers for this machine's own processor: the libraries as `make layers` built them, the package as it is now."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from layers.build.archive import pack
from layers.build.interpreter import find_interpreter
from layers.build.plan import API, ARCHITECTURES, ENGINES, QUARTZDB
from layers.build.stage import Sources, stage_layer
from local.failure import LocalDeploymentFailed
from local.work_directory import REPOSITORY

_BUILT = REPOSITORY / "build" / "layers"
_PACKAGE = REPOSITORY / "layers" / "quartzdb" / "python"


def prepare_layers(output: Path, *, python: Path | None = None) -> str:
    """Fill `output`/<processor>/; returns the processor, in Lambda's word.

    Raises LocalDeploymentFailed where the libraries are not built, and BuildFailed.
    """
    interpreter = find_interpreter(python, home=Path.home())
    (architecture,) = [each for each in ARCHITECTURES if each.machine == interpreter.machine]
    folder = output / architecture.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for library in (API, ENGINES):
        built = _BUILT / architecture.name / f"{library}.zip"
        if not built.is_file():
            raise LocalDeploymentFailed(f"The layer {built} is not there: run `make layers` first.")
        shutil.copyfile(built, folder / built.name)
    # What `make layers` put there may be older than the sources.
    with tempfile.TemporaryDirectory(prefix="quartzdb-layer-") as scratch:
        package, root, workspace = (Path(scratch, name) for name in ("package", "opt", "work"))
        shutil.copytree(_PACKAGE, package)  # as it is now: somebody may be editing it
        workspace.mkdir()
        stage_layer(
            QUARTZDB, architecture, Sources({}, package, interpreter, output), root, workspace=workspace
        )
        pack(root, folder / f"{QUARTZDB}.zip")
    return architecture.name
