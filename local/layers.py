"""The layers for this machine's own processor: libraries as `make layers` built them, the packages as they are now."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path

from hatch_build import SOURCES
from layers.build.archive import pack
from layers.build.interpreter import Interpreter, find_interpreter
from layers.build.plan import ARCHITECTURES, LAYERS, PLATFORM, QUARTZDB, Architecture
from layers.build.stage import Sources, stage_layer
from local.failure import LocalDeploymentFailed
from local.work_directory import REPOSITORY

_BUILT = REPOSITORY / "build" / "layers"
PACKAGES = {QUARTZDB: "quartzdb", PLATFORM: "quartzdb_platform"}
"""Layers with a package of this project, and its name."""


def prepare_layers(output: Path, *, python: Path | None = None) -> str:
    """Fill `output`/<processor>/; returns the processor, in Lambda's word.

    Raises LocalDeploymentFailed where the libraries are not built, and BuildFailed.
    """
    interpreter = find_interpreter(python, home=Path.home())
    (architecture,) = [each for each in ARCHITECTURES if each.machine == interpreter.machine]
    folder = output / architecture.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for layer in LAYERS:
        built = _BUILT / architecture.name / f"{layer}.zip"
        if not built.is_file():
            raise LocalDeploymentFailed(f"The layer {built} is not there: run `make layers` first.")
        if layer in PACKAGES:
            _renew(layer, built, folder / built.name, architecture, interpreter)
        else:
            shutil.copyfile(built, folder / built.name)
    return architecture.name


def _renew(
    layer: str, built: Path, output: Path, architecture: Architecture, interpreter: Interpreter
) -> None:
    """The built layer with our package as it is now: what `make layers` put there may be older than the sources."""
    with tempfile.TemporaryDirectory(prefix="quartzdb-layer-") as scratch:
        package, root, fresh, workspace = (
            Path(scratch, name) for name in ("package", "opt", "fresh", "work")
        )
        # Somebody may be editing it, and processes that run it write their bytecode.
        sources_now = REPOSITORY / "layers" / layer / "python"
        shutil.copytree(sources_now, package, ignore=shutil.ignore_patterns("__pycache__"))
        workspace.mkdir()
        # Without a lock nothing is installed: the libraries come from what was built.
        sources = Sources({}, {}, REPOSITORY / SOURCES, {layer: package}, interpreter, workspace)
        stage_layer(layer, architecture, sources, fresh, workspace=workspace)
        with zipfile.ZipFile(built) as archive:
            archive.extractall(root)
        shutil.rmtree(root / "python" / PACKAGES[layer])
        shutil.move(fresh / "python" / PACKAGES[layer], root / "python" / PACKAGES[layer])
        pack(root, output)
