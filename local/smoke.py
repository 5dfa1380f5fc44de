"""A run through a deployment as its users meet it: from the first key to an answer after the function's process died.

Everything goes through the deployed URLs; only the API key is made with the command line, as an operator would.
"""

from __future__ import annotations

import json
import os
import random
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from local import function_processes
from local.failure import LocalDeploymentFailed
from local.gateway import Client, Reply
from local.work_directory import REPOSITORY, WorkDirectory

DIMENSION = 32
ROWS = 6_000
_BATCH = 500
_GROUPS = 60
_INDEXED_WITHIN_SECONDS = 180
_AWAKE_WITHIN_SECONDS = 240
ENGINES = ("annoy", "ivf")
KEY = "books/dune%2Fpart one"
"""As it goes into a path: a slash that separates, one that belongs to the name, and a space."""
VALUE = bytes(range(256)) * 4

Say = Callable[[str], None]


class Smoke:
    """The steps, in order; each fails with what came back instead. `say` is told of each that worked."""

    def __init__(self, work: WorkDirectory, outputs: Mapping[str, str], say: Say) -> None:
        self._work = work
        self._outputs = outputs
        self._say = say
        self._random = random.Random(7)  # the same vectors each time
        self._client = Client(work, outputs["ApiUrl"])

    def run(self) -> None:
        """Everything. Raises LocalDeploymentFailed."""
        self.wake()
        self.authenticate()
        run = secrets.token_hex(3)
        self.sign_up(f"{run}@example.com")
        for engine in ENGINES:
            namespace = f"smoke-{run}-{engine}"
            vectors = self.fill(namespace, engine)
            self.await_segment(namespace, engine)
            self.query_from_cold(namespace, vectors)
            self.delete_and_query(namespace, vectors)
            self.keep_bytes(namespace)
            _expect(self._client.send("DELETE", f"/v1/namespaces/{namespace}"), 200, "deleting a namespace")
        self.refuse_strangers()

    def wake(self) -> None:
        """The emulator unpacks layers at a function's first request: too long for one where the machine is busy."""
        deadline = time.monotonic() + _AWAKE_WITHIN_SECONDS
        for path in ("/v1/namespaces", "/api/vector/search", "/platform/openapi.json"):
            while self._client.send("GET", path).status == 504 and time.monotonic() < deadline:
                time.sleep(1)

    def authenticate(self) -> None:
        """A key made with the command line opens the door that is closed without it."""
        _expect(self._client.send("GET", "/v1/namespaces"), 401, "a request without a key")
        self._client = Client(self._work, self._outputs["ApiUrl"], make_key(self._work, self._outputs))
        _expect(self._client.send("GET", "/v1/namespaces"), 200, "a request with a key")
        self._say("a key made with the command line is accepted, and no key is not")

    def sign_up(self, email: str) -> None:
        """From an address to a query: a code by mail, an organization and what it begins with, a key that works."""
        platform = Client(self._work, self._outputs["ApiUrl"])
        sent = platform.send("POST", "/platform/v1/sign-in", {"email": email})
        _expect(sent, 202, "asking for a code")
        proof = {"email": email, "code": mailed_code(self._work, email)}
        signed_in = platform.send("POST", "/platform/v1/sign-in/verify", proof)
        _expect(signed_in, 200, "signing in with the mailed code")
        person = Client(self._work, self._outputs["ApiUrl"], signed_in.json()["token"])
        started = person.send("POST", "/platform/v1/start", {"namespace": {"name": "first", "dimension": 2}})
        _expect(started, 201, "beginning")
        project = Client(self._work, self._outputs["ApiUrl"], started.json()["key"]["key"])
        records = {"vectors": [{"id": "a", "vector": [1.0, 0.0]}, {"id": "b", "vector": [0.0, 1.0]}]}
        _expect(project.send("POST", "/v1/namespaces/first/vectors", records), 200, "writing with its key")
        found = project.send("POST", "/v1/namespaces/first/query", {"vector": [1.0, 0.1], "top_k": 1})
        _expect(found, 200, "a query with its key")
        if [match["id"] for match in found.json()["matches"]] != ["a"]:
            raise LocalDeploymentFailed(f"The first query found {found.body[:200]!r}.")
        self._say(f"{email} signed up with a mailed code, and the first key wrote and found records")

    def fill(self, namespace: str, engine: str) -> list[list[float]]:
        """A namespace with ROWS records in groups, one batch at a time; they are searchable at once."""
        settings = {"name": namespace, "dimension": DIMENSION, "metric": "cosine", "engine": engine}
        _expect(self._client.send("POST", "/v1/namespaces", settings), 201, "creating a namespace")
        vectors = self._vectors()
        for start in range(0, ROWS, _BATCH):
            records = [
                {"id": f"r{row}", "vector": vectors[row], "metadata": {"group": row % _GROUPS}}
                for row in range(start, start + _BATCH)
            ]
            written = self._client.send("POST", f"/v1/namespaces/{namespace}/vectors", {"vectors": records})
            _expect(written, 200, "writing vectors")
        self._nearest(namespace, vectors, row=ROWS - 1)
        self._say(f"{namespace}: {ROWS:,} records written and searchable")
        return vectors

    def await_segment(self, namespace: str, engine: str) -> None:
        """The stream wakes the indexer, which publishes segments of that engine to S3."""
        deadline = time.monotonic() + _INDEXED_WITHIN_SECONDS
        segments: list[dict[str, Any]] = []
        while time.monotonic() < deadline:
            # Not by asking the functions: one that still has all of it in memory sees no reason to look for segments.
            seen = command_line(self._work, self._outputs, "stats", "--namespace", namespace)
            (described,) = seen["namespaces"]
            segments = described["segments"]
            if engine in {segment["engine"] for segment in segments}:
                rows = sum(segment["rows"] for segment in segments)
                self._say(
                    f"{namespace}: the indexer published {engine}, {rows:,} rows in {len(segments)} segments"
                )
                return
            # The indexer leaves the last seconds of a log alone, and the next write wakes it. On AWS a batching window
            # wakes it late enough, too, which the emulator does not have.
            time.sleep(3)
            late = {"vectors": [{"id": "late", "vector": [1.0] * DIMENSION}]}
            _expect(
                self._client.send("POST", f"/v1/namespaces/{namespace}/vectors", late), 200, "a late write"
            )
        raise LocalDeploymentFailed(
            f"{namespace} has no {engine} segment after {_INDEXED_WITHIN_SECONDS} s: {segments}"
        )

    def query_from_cold(self, namespace: str, vectors: list[list[float]]) -> None:
        """The search function's process dies; the next query starts another, which finds everything in S3."""
        self._nearest(namespace, vectors, row=1)
        killed = function_processes.kill(self._work, "quartzdb-local-search")
        if killed == 0:
            raise LocalDeploymentFailed("The search function has no process, although it has just answered.")
        began = time.monotonic()
        self._nearest(namespace, vectors, row=2)
        self._say(f"{namespace}: answered from a cold start in {time.monotonic() - began:.1f} s")

    def delete_and_query(self, namespace: str, vectors: list[list[float]]) -> None:
        """What is deleted is gone from the next answer."""
        gone = self._client.send("POST", f"/v1/namespaces/{namespace}/vectors/delete", {"ids": ["r3"]})
        _expect(gone, 200, "deleting a record")
        if "r3" in self._matches(namespace, vectors[3]):
            raise LocalDeploymentFailed("r3 was deleted and is still found.")
        self._say(f"{namespace}: a deleted record is not found any more")

    def keep_bytes(self, namespace: str) -> None:
        """Any bytes under any key come back as they were, with the slash that belongs to the name."""
        path = f"/v1/namespaces/{namespace}/kv/{KEY.replace(' ', '%20')}"
        _expect(
            self._client.send("PUT", path, VALUE, {"Content-Type": "application/octet-stream"}),
            200,
            "putting a value",
        )
        got = self._client.send("GET", path)
        _expect(got, 200, "getting a value")
        if got.body != VALUE:
            raise LocalDeploymentFailed(f"{len(VALUE)} bytes were put, and {len(got.body)} others came back.")
        self._say("binary bytes under a key with an encoded slash come back as they were")

    def refuse_strangers(self) -> None:
        """Around CloudFront, without the origin secret, there is no answer, key or no key."""
        for name, path in (
            ("ApiFunctionUrl", "/v1/namespaces"),
            ("SearchFunctionUrl", "/v1/namespaces"),
            ("PlatformFunctionUrl", "/platform/openapi.json"),
        ):
            around = Client(self._work, self._outputs[name], self._client.key)
            _expect(around.send("GET", path), 403, f"a request to {name} without the origin secret")
        self._say("a request around CloudFront is refused")

    def _vectors(self) -> list[list[float]]:
        centres = [[self._random.gauss(0, 1) for _ in range(DIMENSION)] for _ in range(_GROUPS)]
        return [
            [round(value + self._random.gauss(0, 0.3), 4) for value in centres[row % _GROUPS]]
            for row in range(ROWS)
        ]

    def _nearest(self, namespace: str, vectors: list[list[float]], *, row: int) -> None:
        found = self._matches(namespace, vectors[row])
        if not found or found[0] != f"r{row}":
            raise LocalDeploymentFailed(f"The nearest record of {namespace} to r{row} is {found[:1]}.")

    def _matches(self, namespace: str, vector: list[float]) -> list[str]:
        answer = self._client.send(
            "POST", f"/v1/namespaces/{namespace}/query", {"vector": vector, "top_k": 5}
        )
        _expect(answer, 200, "a query")
        return [match["id"] for match in answer.json()["matches"]]


def make_key(work: WorkDirectory, outputs: Mapping[str, str]) -> str:
    """A key that may do everything, made as an operator would."""
    key: str = command_line(
        work, outputs, "keys", "create", "--name", "local", "--scopes", "read,write,admin"
    )["key"]
    return key


def mailed_code(work: WorkDirectory, email: str) -> str:
    """The code in the newest mail that the emulator's SES took for somebody. Raises LocalDeploymentFailed."""
    taken = Client(work, work.endpoint).send("GET", "/_ministack/ses/messages").json()["messages"]
    texts = [one["BodyText"] for messages in taken.values() for one in messages if email in one["To"]]
    codes = re.findall(r"^\s*(\d{8})\s*$", texts[-1] if texts else "", re.MULTILINE)
    if len(codes) != 1:
        raise LocalDeploymentFailed(f"SES took {len(texts)} mails to {email}; none of them ends with a code.")
    return str(codes[0])


def command_line(work: WorkDirectory, outputs: Mapping[str, str], *words: str) -> Any:
    """What `quartzdb <words>` says about the deployed table and bucket. Raises LocalDeploymentFailed."""
    where = ["--table", outputs["TableName"], "--bucket", outputs["BucketName"], "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "quartzdb.cli", *words, *where],
        cwd=REPOSITORY,
        env={**os.environ, **work.environment()},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LocalDeploymentFailed(f"quartzdb {words[0]} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def _expect(reply: Reply, status: int, doing: str) -> None:
    if reply.status != status:
        raise LocalDeploymentFailed(
            f"{doing} was answered {reply.status}, not {status}: {reply.body[:1000]!r}"
        )
