"""What a request leaves in the log of its function: its usage line, and nothing beside it."""

from __future__ import annotations

import json

import pytest

from benchmarks.costs import deployed
from quartzdb.api.app import create_app
from quartzdb.api.settings import ApiSettings
from quartzdb.aws_lambda.http_handler import http_handler
from quartzdb.aws_lambda.telemetry import Telemetry
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.wiring.embedded import Database
from tests.functions.conftest import url_reply
from tests.functions.events import function_url
from tests.functions.lambda_context import FakeContext

TENANT = f"prj_{'x' * 26}"
"""As long as names of projects are, which are what most lines name."""
RECORDS = [{"id": f"record-{number}", "vector": [1.0, float(number)]} for number in range(10)]
REQUESTS = [
    ("PUT", "/v1/namespaces/recommendations/kv/a", b"value"),
    ("GET", "/v1/namespaces/recommendations/kv/a", None),
    ("GET", "/v1/namespaces/recommendations/kv?prefix=a", None),
    ("POST", "/v1/namespaces/recommendations/vectors", json.dumps({"vectors": RECORDS}).encode()),
    ("POST", "/v1/namespaces/recommendations/query", b'{"vector": [1, 0], "top_k": 10}'),
    ("GET", "/v1/namespaces/nothing", None),
]


def test_one_line_of_the_size_that_costs_are_computed_with(
    database: Database, observed: Telemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    """docs/costs.md takes it for what CloudWatch is paid for: the mean, and no line is much larger."""
    database.namespaces.create(TENANT, "recommendations", NamespaceSettings(2))
    key = database.api_keys.create(TENANT, "test", ("read", "write", "admin"))[1]
    app = create_app(database, ApiSettings(site="aws"))
    handle = observed.handler(http_handler(app, None, observed))
    headers = {"x-api-key": key, "content-type": "application/json"}
    # The first tells of a cold start, and of a key that is used from where it was not before.
    handle(function_url("GET", "/v1/namespaces", headers=headers), FakeContext())
    capsys.readouterr()

    sizes = []
    for method, target, body in REQUESTS:
        reply = url_reply(handle(function_url(method, target, headers=headers, body=body), FakeContext()))
        assert reply.status < 500
        assert (reply.status < 400) is (target != "/v1/namespaces/nothing"), reply.body
        (line,) = capsys.readouterr().out.splitlines()
        assert json.loads(line)["tenant"] == TENANT
        sizes.append(len(line.encode()) + 1)
    assert sum(sizes) / len(sizes) == pytest.approx(deployed.LOG_BYTES_A_REQUEST, rel=0.1), sizes
    assert max(sizes) <= 1.3 * deployed.LOG_BYTES_A_REQUEST
