"""Measures cold functions under Lambda's runtime emulator: `make bench-coldstart ARGS="--rows 10000 100000"`."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from benchmarks import dataset
from benchmarks.coldstart.emulated_lambda import (
    LAYERS,
    EmulatedLambda,
    unpacked_layers,
    url_event,
    yardstick_milliseconds,
)
from benchmarks.coldstart.filled import TENANT, Filled, Floats, fill, query_body, texts_of, upsert_tail
from benchmarks.coldstart.processor_share import limited, share_of
from benchmarks.coldstart.relay import Relay
from benchmarks.mixtures import rows_of
from quartzdb.domain.namespace import EngineChoice
from quartzdb.wiring.aws import AwsSettings, open_aws
from quartzdb.wiring.aws_clients import AwsEndpoints
from quartzdb.wiring.embedded import Database
from tests.aws_emulators import PATIENCE, REGION, emulators

MB = 1_000_000
SECRET = "benchmark-origin-secret"
TAIL_ROWS = 5
SNAPSHOT = Path(__file__).with_name("snapshot")


class Asked(StrEnum):
    """What a search asks for."""

    VECTOR = "vector"
    WORDS = "words"
    BOTH = "vector and words"


@dataclass(frozen=True, slots=True)
class Case:
    """Which function is asked, of which namespace, for what, and how much memory it has."""

    function: str
    filled: Filled
    asked: Asked
    memory_mb: int


@dataclass(frozen=True, slots=True)
class Cold:
    """One case: medians over the rounds. Milliseconds, bytes."""

    function: str
    namespace: str
    rows: int
    engine: str
    memory_mb: int
    init_ms: float
    first_ms: float
    processor_ms: float
    second_ms: float
    warm_ms: float
    fetched_bytes: int
    s3_requests: int
    s3_waits: int
    cold_queries: int
    warm_queries: int
    warm_other: int
    peak_bytes: int
    recall: float | None


def main() -> None:
    """Build, measure, print."""
    options = _parser().parse_args()
    directory = options.data or dataset.make(dataset.DEFAULT_DIRECTORY)
    base = np.load(directory / "base.npy").astype(np.float32)
    queries = np.load(directory / "queries.npy").astype(np.float32)

    with ExitStack() as closing:
        work = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="quartzdb-coldstart-")))
        emulator = closing.enter_context(emulators()).get("ministack")
        place = emulator.new_place()
        database = open_aws(
            AwsSettings(
                table=place.table,
                bucket=place.bucket,
                region=REGION,
                work_dir=work / "building",
                cache_bytes_max=0,
                endpoints=AwsEndpoints.at(emulator.endpoint_url),
                patience=PATIENCE,
            )
        )
        _, key = database.api_keys.create(TENANT, "benchmark", ["read", "write", "admin"])
        port = urlsplit(emulator.endpoint_url).port or 0
        relays = {
            "S3": Relay(
                port,
                request_seconds=options.request_ms / 1000,
                bytes_per_second=options.mb_per_second * MB,
            ),
            "DYNAMODB": Relay(port, request_seconds=options.table_ms / 1000),
        }
        for relay in relays.values():
            closing.callback(relay.stop)
        python = unpacked_layers(work / "opt", options.layers)
        bench = Bench(
            database,
            relays,
            python,
            {
                "PYTHONPATH": f"{python}{os.pathsep}{SNAPSHOT}" if options.snapshot else str(python),
                "QUARTZDB_TABLE": place.table,
                "QUARTZDB_BUCKET": place.bucket,
                "QUARTZDB_ORIGIN_SECRET_ARN": _origin_secret(emulator.endpoint_url),
                "AWS_ENDPOINT_URL": emulator.endpoint_url,
                "AWS_ENDPOINT_URL_S3": relays["S3"].url,
                "AWS_ENDPOINT_URL_DYNAMODB": relays["DYNAMODB"].url,
                "AWS_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "POWERTOOLS_TRACE_DISABLED": "true",
                "OMP_NUM_THREADS": "1",
                "OPENBLAS_NUM_THREADS": "1",
            },
            key,
            work,
            share_processor=options.share_processor,
        )
        print(
            f"a process that imports numpy alone: {yardstick_milliseconds(bench.python):.0f} ms", flush=True
        )
        results: list[Cold] = []
        for rows in options.rows:
            vectors = rows_of(base, rows)
            for engine in options.engines:
                if engine == "annoy" and rows > options.annoy_rows_max:
                    continue
                choice, segment = EngineChoice(engine), work / "segment"
                places = [fill(database, vectors, choice, segment, options.threads)]
                texts = [] if options.text_words is None else texts_of(rows, options.text_words)
                if texts:
                    places.append(fill(database, vectors, choice, segment, options.threads, texts))
                for filled in places:
                    print(_built(filled), flush=True)
                    upsert_tail(database, database.namespaces.get(TENANT, filled.name), queries[-TAIL_ROWS:])
                asked = (
                    [
                        *(("search", filled, Asked.VECTOR) for filled in places),
                        *(("search", places[-1], asked) for asked in (Asked.WORDS, Asked.BOTH)),
                    ]
                    if texts
                    else [(function, places[0], Asked.VECTOR) for function in ("api", "search")]
                )
                cases = [Case(*one, memory_mb) for one in asked for memory_mb in options.memory_mb]
                for cold in bench.measure(cases, vectors, queries, texts, options.rounds):
                    results.append(cold)
                    print(_row(cold), flush=True)
        if options.json:
            print(json.dumps([asdict(cold) for cold in results], indent=1))
        else:
            print(_table(results))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, help="a directory with base.npy and queries.npy (default: made once)"
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--engines", nargs="+", default=["exact", "annoy", "ivf"])
    parser.add_argument(
        "--annoy-rows-max", type=int, default=100_000, help="beyond this Annoy's trees are gigabytes"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--request-ms", type=float, default=0.0, help="before any request to S3 is answered")
    parser.add_argument(
        "--mb-per-second", type=float, default=0.0, help="of each connection to S3; 0: unbounded"
    )
    parser.add_argument("--table-ms", type=float, default=0.0, help="for every request to DynamoDB")
    parser.add_argument(
        "--memory-mb",
        type=int,
        nargs="+",
        default=[3_008],
        help="of the function, one after another in each round; a third of it holds parts of segments",
    )
    parser.add_argument(
        "--share-processor",
        action="store_true",
        help="let the function have the share of a processor that Lambda gives it for its memory, once init is done",
    )
    parser.add_argument(
        "--text-words",
        type=int,
        help="instead: search by vector, by words and by both, in turns, where records have texts of so many words",
    )
    parser.add_argument(
        "--snapshot",
        action="store_true",
        help="what functions prepare before a snapshot is prepared at init: what comes after is as after a restoration",
    )
    parser.add_argument("--layers", type=Path, default=LAYERS)
    parser.add_argument("--threads", type=int, default=2, help="for building")
    parser.add_argument("--json", action="store_true")
    return parser


class Bench:
    """Fresh instances of functions against one deployment."""

    def __init__(
        self,
        database: Database,
        relays: dict[str, Relay],
        python: Path,
        environment: dict[str, str],
        key: str,
        work: Path,
        *,
        share_processor: bool,
    ) -> None:
        self._share_processor = share_processor
        self._database = database
        self._relays = relays
        self.python = python
        self._environment = environment
        self._headers = {"authorization": f"Bearer {key}", "x-quartzdb-origin-secret": SECRET}
        self._work = work

    def measure(
        self, cases: Sequence[Case], vectors: Floats, queries: Floats, texts: Sequence[str], rounds: int
    ) -> list[Cold]:
        """Each case in each round, in turns. The api function fetches a record, the search function searches: what
        CloudFront sends each of them.
        """
        takes: list[list[Cold]] = [[] for _ in cases]
        for number in range(rounds):
            words = " ".join(texts[number * 17].split()[:3]) if texts else ""
            for position, case in enumerate(cases):
                takes[position].append(self._once(case, vectors, queries[number], words))
        return [self._middle(case, of_case) for case, of_case in zip(cases, takes, strict=True)]

    def _middle(self, case: Case, takes: Sequence[Cold]) -> Cold:
        return Cold(
            _title(case),
            case.filled.name,
            case.filled.rows,
            case.filled.engine,
            case.memory_mb,
            init_ms=statistics.median([take.init_ms for take in takes]),
            first_ms=statistics.median([take.first_ms for take in takes]),
            processor_ms=statistics.median([take.processor_ms for take in takes]),
            second_ms=statistics.median([take.second_ms for take in takes]),
            warm_ms=statistics.median([take.warm_ms for take in takes]),
            fetched_bytes=int(statistics.median([take.fetched_bytes for take in takes])),
            s3_requests=int(statistics.median([take.s3_requests for take in takes])),
            # A busy machine makes it more, never fewer.
            s3_waits=min(take.s3_waits for take in takes),
            cold_queries=max(take.cold_queries for take in takes),
            warm_queries=max(take.warm_queries for take in takes),
            warm_other=max(take.warm_other for take in takes),
            peak_bytes=int(statistics.median([take.peak_bytes for take in takes])),
            recall=None if takes[0].recall is None else statistics.mean(take.recall or 0.0 for take in takes),
        )

    def _once(self, case: Case, vectors: Floats, query: Floats, words: str) -> Cold:
        function, filled = case.function, case.filled
        s3, dynamodb = (relay.counted for relay in self._relays.values())
        with tempfile.TemporaryDirectory(dir=self._work) as scratch:
            environment = {
                **self._environment,
                "TMPDIR": scratch,
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(case.memory_mb),
            }
            with (
                EmulatedLambda(function, self.python, environment) as instance,
                ExitStack() as limits,
            ):
                # Init comes with the first invocation, so that one is a request which touches no data.
                instance.invoke(url_event("GET", "/v1/nothing", None, self._headers))
                if self._share_processor:
                    limits.enter_context(limited(instance.process, share_of(case.memory_mb)))
                s3.reset()
                dynamodb.reset()
                taken = instance.processor_milliseconds
                first = instance.invoke(self._event(case, query, words))
                taken = instance.processor_milliseconds - taken
                if first.payload.get("statusCode") != 200:
                    raise RuntimeError(f"{first.payload}\n{instance.log[-3000:]}")
                fetched, requests, waits = s3.bytes_down, sum(s3.requests.values()), s3.rounds
                cold_queries = dynamodb.requests["Query"]
                second = instance.invoke(self._event(case, query, words))
                dynamodb.reset()
                warm = instance.invoke(self._event(case, query, words))
                recall = None
                if function == "search" and case.asked is Asked.VECTOR:
                    found = {match["id"] for match in json.loads(first.payload["body"])["matches"]}
                    recall = len(found & _exact(vectors, query)) / 10
                return Cold(
                    _title(case),
                    filled.name,
                    filled.rows,
                    filled.engine,
                    case.memory_mb,
                    instance.init_milliseconds,
                    first.milliseconds,
                    taken,
                    second.milliseconds,
                    warm.milliseconds,
                    fetched,
                    requests,
                    waits,
                    cold_queries,
                    dynamodb.requests["Query"],
                    sum(dynamodb.requests.values()) - dynamodb.requests["Query"],
                    instance.peak_bytes,
                    recall,
                )

    def _event(self, case: Case, query: Floats, words: str) -> dict[str, object]:
        path = f"/v1/namespaces/{case.filled.name}"
        if case.function == "search":
            body = query_body(
                None if case.asked is Asked.WORDS else query, None if case.asked is Asked.VECTOR else words
            )
            return url_event("POST", f"{path}/query", body, self._headers)
        return url_event("GET", f"{path}/vectors/record-{case.filled.rows // 2:08d}", None, self._headers)


def _title(case: Case) -> str:
    if not case.filled.texts:
        return case.function
    return f"{case.function}, {case.asked}, beside texts"


def _exact(vectors: Floats, query: Floats) -> set[str]:
    scores = vectors @ query
    return {f"record-{row:08d}" for row in np.argsort(-scores)[:10].tolist()}


def _origin_secret(endpoint_url: str) -> str:
    import boto3

    client = boto3.client(
        "secretsmanager",
        region_name=REGION,
        endpoint_url=endpoint_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    arn: str = client.create_secret(Name=f"bench-{os.getpid()}", SecretString=SECRET)["ARN"]
    return arn


def _built(filled: Filled) -> str:
    sizes = ", ".join(f"{name} {size / MB:.1f}" for name, size in filled.file_bytes.items())
    return f"{filled.name}: {filled.engine}, built in {filled.build_seconds:.0f} s; MB: {sizes}"


def _row(cold: Cold) -> str:
    recall = "–" if cold.recall is None else f"{cold.recall:.2f}"
    return (
        f"| {cold.function} | {cold.rows:,} | {cold.engine} | {cold.memory_mb:,} | "
        f"{cold.init_ms:.0f} | {cold.first_ms:.0f} | {cold.processor_ms:.0f} | {cold.second_ms:.0f} | "
        f"{cold.warm_ms:.0f} | {cold.fetched_bytes / MB:.1f} | "
        f"{cold.s3_requests} | {cold.s3_waits} | {cold.cold_queries} | {cold.warm_queries} + {cold.warm_other} | "
        f"{cold.peak_bytes / MB:.0f} | {recall} |"
    )


def _table(results: Sequence[Cold]) -> str:
    head = (
        "| Function | Rows | Engine | Memory, MB | Init, ms | First answer, ms | Processor, ms | Second, ms | "
        "Warm, ms | Fetched, MB | S3 requests | Waits | Queries, cold | Queries + others, warm | "
        "Taken, MB | recall@10 |"
    )
    return "\n".join([head, "|" + "---|" * 16, *map(_row, results)])


if __name__ == "__main__":
    main()
