"""Change feeds behind a Function URL, over DynamoDB: requests wait within their invocation, without streams."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import numpy as np

from quartzdb.api.app import create_app
from quartzdb.api.asgi import Application
from quartzdb.aws_lambda.http_function import API_SETTINGS
from quartzdb.aws_lambda.telemetry import LambdaHandler
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.services.keyvalue import NewItem
from quartzdb.services.record_rules import NewRecord
from quartzdb.wiring.aws import AwsSettings, open_aws
from quartzdb.wiring.aws_clients import AwsEndpoints
from tests.aws_emulators import PATIENCE, REGION, Emulators
from tests.functions.conftest import SECRET, Reply, url_reply
from tests.functions.events import function_url
from tests.functions.lambda_context import FakeContext

HandlerOf = Callable[[Application], LambdaHandler]
PATH = "/v1/namespaces/n"


def test_a_request_waits_for_what_is_written_meanwhile(
    aws: Emulators, tmp_path: Path, handler_of: HandlerOf
) -> None:
    """Its looks are in the receipt, and what was told is not told again at once."""
    emulator = aws.get("moto")
    place = emulator.new_place()
    database = open_aws(
        AwsSettings(
            table=place.table,
            bucket=place.bucket,
            region=REGION,
            work_dir=tmp_path,
            endpoints=AwsEndpoints.at(emulator.endpoint_url),
            patience=PATIENCE,
        )
    )
    namespace, _ = database.namespaces.create("t", "n", NamespaceSettings(2))
    key = database.api_keys.create("t", "test", ("read",))[1]
    handler = handler_of(create_app(database, replace(API_SETTINGS, feed_pause_seconds=0.1)))

    def get(target: str, **headers: str) -> Reply:
        asked = {"x-api-key": key, **headers}
        return url_reply(
            handler(function_url("GET", PATH + target, headers=asked, secret=SECRET), FakeContext())
        )

    refused = get("/changes", accept="text/event-stream")
    assert (refused.status, refused.json()["code"]) == (406, "no_event_stream")
    cursor = get("/changes").json()["cursor"]
    keys = get("/kv-changes").json()["cursor"]
    record = NewRecord("a", np.array([1, 2], dtype=np.float32), {"n": 1})
    writer = threading.Thread(target=database.records.upsert, args=(namespace, [record]))
    writer.start()
    page = get(f"/changes?wait=20&include_metadata=true&cursor={quote(cursor)}").json()
    writer.join()
    assert [(one["kind"], one["id"], one["metadata"]) for one in page["changes"]] == [
        ("upsert", "a", {"n": 1})
    ]
    assert page["usage"]["read_units"] > 2
    assert page["complete_until"] >= page["changes"][0]["at"]
    assert get(f"/changes?cursor={quote(page['cursor'])}").json()["changes"] == []
    database.key_values.put(namespace, NewItem("k", b"v"))
    young = get(f"/kv-changes?wait=20&values=true&cursor={quote(keys)}").json()
    assert [(one["key"], one["value"]) for one in young["changes"]] == [("k", "v")]
    assert get(f"/kv-changes?cursor={quote(young['cursor'])}").json()["changes"] == []
