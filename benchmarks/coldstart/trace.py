"""Draws what a cold search asks of S3, step by step: `python -m benchmarks.coldstart.trace --rows 100000`.

Without Lambda's runtime, so that it can be run in a loop while one works on it; `make bench-coldstart` has that.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from benchmarks import dataset
from benchmarks.coldstart.filled import TENANT, fill, texts_of, upsert_tail
from benchmarks.coldstart.relay import Counted, Relay
from benchmarks.mixtures import rows_of
from quartzdb.domain.namespace import EngineChoice
from quartzdb.wiring.aws import AwsSettings, open_aws
from quartzdb.wiring.aws_clients import AwsEndpoints
from tests.aws_emulators import PATIENCE, REGION, emulators

MB = 1_000_000


def main() -> None:
    """Fill, search from cold some times, print the steps of the last and the medians of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--engine", default="ivf")
    parser.add_argument(
        "--text-words", type=int, help="search by vector and words, where records have texts of so many words"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tail", type=int, default=5, help="records that no indexer has seen yet")
    parser.add_argument("--request-ms", type=float, default=60.0)
    parser.add_argument("--mb-per-second", type=float, default=90.0)
    parser.add_argument("--memory-mb", type=int, default=1_002, help="for parts of segments")
    parser.add_argument("--python", default=sys.executable, help="another interpreter for the searches")
    parser.add_argument(
        "--again", action="store_true", help="wait for Enter, and search again: for a change in code"
    )
    options = parser.parse_args()
    directory = options.data or dataset.make(dataset.DEFAULT_DIRECTORY)
    queries = np.load(directory / "queries.npy").astype(np.float32)
    vectors = rows_of(np.load(directory / "base.npy").astype(np.float32), options.rows)

    with ExitStack() as closing:
        work = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="quartzdb-trace-")))
        emulator = closing.enter_context(emulators()).get("ministack")
        place = emulator.new_place()
        settings: dict[str, Any] = {
            "table": place.table,
            "bucket": place.bucket,
            "region": REGION,
            "work_dir": str(work / "building"),
        }
        database = open_aws(
            AwsSettings(
                **{**settings, "work_dir": work / "building"},
                endpoints=AwsEndpoints.at(emulator.endpoint_url),
                patience=PATIENCE,
            )
        )
        texts = None if options.text_words is None else texts_of(options.rows, options.text_words)
        filled = fill(database, vectors, EngineChoice(options.engine), work / "segment", 2, texts)
        sizes = ", ".join(f"{name} {size / MB:.2f}" for name, size in filled.file_bytes.items())
        print(f"built in {filled.build_seconds:.0f} s; MB: {sizes}", flush=True)
        if options.tail:
            upsert_tail(database, database.namespaces.get(TENANT, filled.name), queries[-options.tail :])
        relay = Relay(
            urlsplit(emulator.endpoint_url).port or 0,
            request_seconds=options.request_ms / 1000,
            bytes_per_second=options.mb_per_second * MB,
        )
        closing.callback(relay.stop)
        while True:
            takes = []
            for number in range(options.rounds):
                relay.counted.reset()
                asked = {
                    "settings": {
                        **settings,
                        "work_dir": str(work / f"cold-{number}"),
                        "fetched_bytes_max": options.memory_mb * MB,
                    },
                    "endpoints": {"dynamodb": emulator.endpoint_url, "s3": relay.url},
                    "tenant": TENANT,
                    "namespace": filled.name,
                    "vectors": queries[[number, number]].tolist(),
                    "words": None if texts is None else " ".join(texts[number * 17].split()[:3]),
                }
                done = subprocess.run(
                    [options.python, "-m", "benchmarks.coldstart.traced_query"],
                    input=json.dumps(asked),
                    capture_output=True,
                    text=True,
                    check=False,
                )
                if done.returncode:
                    raise RuntimeError(done.stderr[-4000:])
                take = json.loads(done.stdout)
                first = take["took"][0]
                until = first["begun"] + first["ms"] / 1000
                relay.counted.passed[:] = [one for one in relay.counted.passed if one.began < until]
                best = set(np.argsort(-(vectors @ queries[number]))[:10].tolist())
                right = sum(
                    int(name.removeprefix("record-")) in best for name in first["ids"] if name[0] == "r"
                )
                takes.append(
                    {
                        "ms": first["ms"],
                        "cpu_ms": first["cpu_ms"],
                        "second_ms": take["took"][1]["ms"],
                        "requests": len(relay.counted.passed),
                        "rounds": relay.counted.rounds,
                        "mb": sum(one.bytes_down for one in relay.counted.passed) / MB,
                        "peak_mb": take["peak_mb"],
                        "recall": right / 10,
                    }
                )
            print(_steps(relay.counted, first["begun"]))
            for name in takes[0]:
                values = [take[name] for take in takes]
                print(
                    f"{name:>10}: {statistics.median(values):8.2f}   {' '.join(f'{v:.1f}' for v in values)}"
                )
            sys.stdout.flush()
            if not options.again or not sys.stdin.readline():
                return


def _steps(counted: Counted, begun: float) -> str:
    lines = []
    for one in sorted(counted.passed, key=lambda one: one.began):
        path, _, part = one.target.partition(" ")
        name = "/".join(path.split("?")[0].split("/")[-2:])
        lines.append(
            f"{(one.began - begun) * 1000:8.1f} … {(one.ended - begun) * 1000:7.1f} ms "
            f"{one.bytes_down:>10,} B  {one.method} {name} {part}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
