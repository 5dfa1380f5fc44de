"""Growth curves: `make bench-growth`, or `make bench-growth ARGS="--rows 1000 10000 --dimension 768 --memory-gb 8"`.

Each case is built by one process and searched by another. What is measured is kept, so a second run goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import dataset
from benchmarks.growth import results
from benchmarks.growth.case import Case
from benchmarks.measured_page import keep
from quartzdb.domain.namespace import EngineChoice, Precision

ROWS = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
DEFAULT_FOLDER = dataset.BUILD / "growth"


def main() -> None:
    """Measure what is not measured yet, then print the table of all that was asked for."""
    given = arguments()
    given.folder.mkdir(parents=True, exist_ok=True)
    data = given.data or data_for(max(given.rows), given.dimension)
    found = []
    for engine in given.engines:
        for rows in given.rows:
            case = Case(given.dimension, EngineChoice(engine), Precision(given.precision), rows)
            found.append(results.load(given.folder, case) or measured(case, data, given))
    print(results.table(found))
    if given.write_docs:
        name = f"{given.dimension}-{given.precision}"
        keep("growth", name, results.table(found), command="make bench-growth")


def data_for(rows: int, dimension: int) -> Path:
    """A set with at least so many rows. All cases of a run use one, each so much of its beginning."""
    if rows <= dataset.ROWS:
        return dataset.make(dataset.default_directory(dimension), dimension=dimension)
    return dataset.large(max(rows, *ROWS), dimension)


def measured(case: Case, data: Path, given: argparse.Namespace) -> results.Result:
    """Build and search in two processes, and keep what they say."""
    directory = given.folder / "database"
    shutil.rmtree(directory, ignore_errors=True)
    begun = time.monotonic()
    print(f"{case.name}: building", file=sys.stderr, flush=True)
    built = step("build", case, data, directory, given)
    print(f"{case.name}: searching, after {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    served = step("serve", case, data, directory, given)
    if not given.keep:
        shutil.rmtree(directory)
    result = {
        "rows": case.rows,
        "dimension": case.dimension,
        "engine": str(case.engine),
        "precision": str(case.precision),
        "memory_gb": given.memory_gb,
        "build": built,
        "serve": served,
    }
    results.store(given.folder, case, result)
    return result


def step(name: str, case: Case, data: Path, directory: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Run one step's process; its last line is the result. Raises CalledProcessError."""
    command = [
        *([] if given.cpu is None else ["taskset", "--cpu-list", str(given.cpu)]),
        *(sys.executable, "-m", f"benchmarks.growth.{name}"),
        *(f"--case={case.name}", f"--data={data}", f"--directory={directory}"),
        *(f"--batch={given.batch}", f"--queries={given.queries}", f"--seconds={given.seconds}"),
        *([] if given.memory_gb is None else [f"--memory-gb={given.memory_gb}"]),
    ]
    one_thread = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=one_thread)
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--dimension", type=int, default=384, choices=(384, 768, 1536))
    parser.add_argument("--engines", nargs="+", default=("auto",), choices=[str(one) for one in EngineChoice])
    parser.add_argument("--precision", default="f32", choices=[str(one) for one in Precision])
    parser.add_argument("--data", type=Path, help="a set of enough rows (default: made in build/data)")
    parser.add_argument(
        "--folder", type=Path, default=DEFAULT_FOLDER, help="results, and a database at a time"
    )
    parser.add_argument("--batch", type=int, default=1_000, help="records in an upsert")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=5.0, help="of searching, for each kind of query")
    parser.add_argument("--memory-gb", type=float, help="refuse the processes more memory of their own")
    parser.add_argument("--cpu", type=int, help="pin them to one processor")
    parser.add_argument("--write-docs", action="store_true", help="keep the figures, and put them into pages")
    parser.add_argument("--keep", action="store_true", help="leave the last database in the folder")
    return parser.parse_args()


if __name__ == "__main__":
    main()
