"""Measures what the functions' imports cost: `python -m benchmarks.imports [--processes N] [--modules N]`.

Unpacks the layers that `make layers` built for this machine's processor, as Lambda does, and imports from them in
fresh processes of Lambda's Python, with nothing else on the path: with the layers' bytecode, and without any. Files are
in the page cache and a core of this machine is not one of Lambda's, so compare the figures with each other. Where other
work shares the machine, processor time says more than elapsed time.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from layers.build.failure import BuildFailed
from layers.build.interpreter import Interpreter, find_interpreter
from layers.build.plan import ARCHITECTURES, LAYERS

LAYERS_BUILT = Path(__file__).parents[1] / "build" / "layers"

_CLIENT = "region_name='us-east-1', aws_access_key_id='none', aws_secret_access_key='none'"
CASES = {
    "numpy": "import numpy",
    "HTTP: application and adapter": "import quartzdb.api.app, mangum",
    "wiring: services and embedded adapters": "import quartzdb.wiring.embedded",
    "wiring: services and AWS adapters": "import quartzdb.wiring.aws",
    "the platform's function": "import quartzdb_platform.aws_lambda.platform_function",
    "search: numpy, Annoy, bitmaps": "import quartzdb.storage.index.query, annoy, pyroaring",
    "search: the same and faiss": "import quartzdb.storage.index.query, annoy, pyroaring, faiss",
    "boto3": "import boto3",
    "boto3 and two clients": f"import boto3; [boto3.client(name, {_CLIENT}) for name in ('dynamodb', 's3')]",
    "Powertools: Logger, Metrics": "from aws_lambda_powertools import Logger, Metrics",
    "everything but faiss": (
        "import quartzdb.api.app, quartzdb.wiring.embedded, mangum, annoy, boto3;"
        " from aws_lambda_powertools import Logger, Metrics;"
        f" [boto3.client(name, {_CLIENT}) for name in ('dynamodb', 's3')]"
    ),
}

_TIMED = """
import sys, time
sys.path.append({folder!r})
elapsed, processor = time.perf_counter(), time.process_time()
{statement}
print((time.perf_counter() - elapsed) * 1000, (time.process_time() - processor) * 1000)
"""
_IMPORT_TIME = re.compile(r"^import time:\s+(\d+) \|\s+(\d+) \|(\s+)(\S+)$", re.MULTILINE)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imports", description=__doc__)
    parser.add_argument(
        "--python", type=Path, help="the CPython 3.13 to measure with (default: look for one)"
    )
    parser.add_argument("--processes", type=int, default=7, help="fresh processes for each figure")
    parser.add_argument("--modules", type=int, default=0, help="also list so many of the slowest modules")
    options = parser.parse_args()
    try:
        interpreter = find_interpreter(options.python, home=Path.home())
    except BuildFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    architecture = next(each.name for each in ARCHITECTURES if each.machine == platform.machine())
    built = [LAYERS_BUILT / architecture / f"{layer}.zip" for layer in LAYERS]
    if not all(path.is_file() for path in built):
        print(f"{LAYERS_BUILT / architecture} has no layers. Build them first: make layers", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as opt:
        for path in built:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(opt)
        _report(interpreter, Path(opt, "python"), options.processes, options.modules)
    return 0


def _report(interpreter: Interpreter, folder: Path, processes: int, modules: int) -> None:
    version = ".".join(map(str, interpreter.version))
    print(f"Python {version}, median of {processes} fresh processes, ms\n")
    with_bytecode = {name: _median(interpreter, folder, case, processes) for name, case in CASES.items()}
    slowest = {name: _slowest(interpreter, folder, case, modules) for name, case in CASES.items()}
    for path in folder.rglob("*.pyc"):
        path.unlink()
    print(f"{'':40} {'with .pyc':>19} {'without':>19}")
    print(f"{'':40} {'elapsed':>9} {'processor':>9} {'elapsed':>9} {'processor':>9}")
    for name, case in CASES.items():
        # Three are enough to see a difference of several times.
        figures = *with_bytecode[name], *_median(interpreter, folder, case, min(3, processes))
        print(f"{name:40} " + " ".join(f"{figure:9.0f}" for figure in figures))
    for name, lines in slowest.items():
        if lines:
            print(f"\n{name}: slowest modules by themselves, ms (with the cost of measuring)")
            print("\n".join(f"  {milliseconds:7.1f}  {module}" for milliseconds, module in lines))


def _median(interpreter: Interpreter, folder: Path, statement: str, processes: int) -> tuple[float, float]:
    """Elapsed and processor time, ms."""
    code = _TIMED.format(folder=str(folder), statement=statement)
    # The first one brings the files into the page cache.
    runs = [_run(interpreter, "-c", code)[0].split() for _ in range(processes + 1)][1:]
    elapsed, processor = (statistics.median(map(float, column)) for column in zip(*runs, strict=True))
    return elapsed, processor


def _slowest(interpreter: Interpreter, folder: Path, statement: str, modules: int) -> list[tuple[float, str]]:
    if not modules:
        return []
    code = f"import sys; sys.path.append({json.dumps(str(folder))}); {statement}"
    report = _run(interpreter, "-X", "importtime", "-c", code)[1]
    timed = [(int(match[1]) / 1000, match[4]) for match in _IMPORT_TIME.finditer(report)]
    return sorted(timed, reverse=True)[:modules]


def _run(interpreter: Interpreter, *arguments: str) -> tuple[str, str]:
    # -B: nothing is written, as on Lambda's read-only /opt. -S: without the interpreter's own packages.
    command = [str(interpreter.path), "-I", "-S", "-B", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


if __name__ == "__main__":
    sys.exit(main())
