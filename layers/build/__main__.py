"""`python -m layers.build`: build the layers, or build them again and compare."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hatch_build import SOURCES
from layers.build.archive import Packed, pack
from layers.build.budget import check_budget
from layers.build.failure import BuildFailed
from layers.build.interpreter import find_interpreter
from layers.build.libraries import check_libraries
from layers.build.lock import read_lock
from layers.build.manifest import table, write_manifest
from layers.build.plan import (
    ARCHITECTURES,
    BILLING_LAYERS,
    DATABASE_LAYERS,
    LAYERS,
    PLATFORM,
    PLATFORM_LAYERS,
    QUARTZDB,
    SIGNING_LAYERS,
    SIGNING_TOGETHER_BYTES_MAX,
    TOGETHER_BYTES_MAX,
    Architecture,
)
from layers.build.smoke import USE_OF_BILLING, USE_OF_DATABASE, USE_OF_PLATFORM, USE_OF_SIGNING, smoke_test
from layers.build.stage import Sources, stage_layer

REPOSITORY = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m layers.build", description=__doc__)
    names = [architecture.name for architecture in ARCHITECTURES]
    parser.add_argument("--arch", choices=names, action="append", help="only this processor")
    parser.add_argument(
        "--python", type=Path, help="the CPython 3.13 to compile with (default: look for one)"
    )
    parser.add_argument("--output", type=Path, default=REPOSITORY / "build" / "layers")
    parser.add_argument("--verify", action="store_true", help="build twice and compare every byte")
    options = parser.parse_args(arguments)
    wanted = [each for each in ARCHITECTURES if options.arch is None or each.name in options.arch]
    output: Path = options.output.resolve()
    try:
        with tempfile.TemporaryDirectory(prefix="quartzdb-package-") as frozen:
            # As it is now, for every layer: somebody may be editing it while this runs.
            packages = {layer: Path(frozen, layer) for layer in (QUARTZDB, PLATFORM)}
            for layer, package in packages.items():
                shutil.copytree(REPOSITORY / "layers" / layer / "python", package)
            kernel = Path(frozen, "kernel")
            shutil.copytree(REPOSITORY / SOURCES, kernel)
            sources = Sources(
                lock=read_lock((REPOSITORY / "requirements-lambda.txt").read_text()),
                platform_lock=read_lock((REPOSITORY / "requirements-lambda-platform.txt").read_text()),
                kernel=kernel,
                packages=packages,
                interpreter=find_interpreter(options.python, home=Path.home()),
                cache=output / "cache",
            )
            built = build(wanted, sources, output)
            write_manifest(output / "manifest.json", built, sources.platform_lock, sources.interpreter)
            _say(table(built))
            if options.verify:
                _verify(wanted, sources, built)
    except BuildFailed as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    return 0


def build(
    architectures: Sequence[Architecture], sources: Sources, output: Path
) -> dict[str, dict[str, Packed]]:
    """Processor → layer → zip file, in `output`/<processor>/<layer>.zip. Raises BuildFailed."""
    built: dict[str, dict[str, Packed]] = {}
    for architecture in architectures:
        folder = output / architecture.name
        # What an earlier build left must not pass for this one's.
        shutil.rmtree(folder, ignore_errors=True)
        packed = {}
        for layer in LAYERS:
            _say(f"{architecture.name}: {layer} …")
            with tempfile.TemporaryDirectory(prefix="quartzdb-layer-") as scratch:
                root, workspace = Path(scratch, "opt"), Path(scratch, "work")
                workspace.mkdir()
                stage_layer(layer, architecture, sources, root, workspace=workspace)
                packed[layer] = pack(root, folder / f"{layer}.zip")
        for together, use, most in (
            (DATABASE_LAYERS, USE_OF_DATABASE, TOGETHER_BYTES_MAX),
            (PLATFORM_LAYERS, USE_OF_PLATFORM, TOGETHER_BYTES_MAX),
            (BILLING_LAYERS, USE_OF_BILLING, TOGETHER_BYTES_MAX),
            (SIGNING_LAYERS, USE_OF_SIGNING, SIGNING_TOGETHER_BYTES_MAX),
        ):
            check_budget({layer: packed[layer].unzipped_bytes for layer in together}, together_max=most)
            paths = [packed[layer].path for layer in together]
            check_libraries(paths)
            if architecture.machine == sources.interpreter.machine:
                smoke_test(paths, use, sources.interpreter)
        if architecture.machine == sources.interpreter.machine:
            _say(
                f"{architecture.name}: used by this machine's Python {sources.interpreter.version[1]}: works"
            )
        built[architecture.name] = packed
    return built


def _verify(
    architectures: Sequence[Architecture], sources: Sources, first: dict[str, dict[str, Packed]]
) -> None:
    with tempfile.TemporaryDirectory(prefix="quartzdb-layers-again-") as again:
        second = build(architectures, sources, Path(again))
        different = [
            f"{architecture}/{layer}"
            for architecture, layers in first.items()
            for layer, packed in layers.items()
            if packed.sha256 != second[architecture][layer].sha256
        ]
    if different:
        raise BuildFailed(f"Built twice, and not the same: {', '.join(different)}")
    _say("Built twice: the same bytes.")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
