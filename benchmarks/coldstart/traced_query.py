"""One cold search in this process, as a fresh instance of the search function does it, but without Lambda's runtime.

Reads its settings from standard input as JSON; prints what it took as JSON.
"""

from __future__ import annotations

import json
import re
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

from quartzdb.domain.namespace import Namespace
from quartzdb.domain.text_query import TextQuery
from quartzdb.services.search import QueryAnswer, QueryRequest
from quartzdb.wiring.aws import AwsSettings, open_aws
from quartzdb.wiring.aws_clients import AwsEndpoints
from quartzdb.wiring.embedded import Database


def main() -> None:
    """Open, search twice, print."""
    given = json.load(sys.stdin)
    settings = given["settings"]
    database = open_aws(
        AwsSettings(
            **{**settings, "searches": True, "work_dir": Path(settings["work_dir"])},
            endpoints=AwsEndpoints(**given["endpoints"]),
        )
    )
    vectors = np.array(given["vectors"], dtype=np.float32)
    text = None if given["words"] is None else TextQuery(given["words"])
    took = []
    for vector in vectors:
        cpu, begun = time.process_time(), time.monotonic()
        request = QueryRequest(vector=vector, top_k=10, text=text)
        answer = database.namespaces.search(
            given["tenant"], partial(_query, database, request), given["namespace"]
        )
        took.append(
            {
                "begun": begun,
                "ms": (time.monotonic() - begun) * 1000,
                "cpu_ms": (time.process_time() - cpu) * 1000,
                "ids": [match.id for match in answer.matches],
            }
        )
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    print(json.dumps({"took": took, "peak_mb": int(peak[1]) / 1024 if peak else 0}))


def _query(database: Database, request: QueryRequest, namespace: Namespace) -> QueryAnswer:
    return database.search.query(namespace, request)


if __name__ == "__main__":
    main()
