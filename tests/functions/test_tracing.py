"""What X-Ray's daemon is sent of an invocation."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from quartzdb.aws_lambda.settings import FunctionSettings
from quartzdb.aws_lambda.telemetry import telemetry
from tests.functions.lambda_context import FakeContext

SAMPLED = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


@pytest.fixture
def daemon() -> Iterator[socket.socket]:
    """Where subsegments arrive."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.setblocking(False)
        yield listening


def received(daemon: socket.socket) -> list[dict[str, Any]]:
    """All that has arrived: what was sent over loopback is there when `sendto` returns."""
    documents: list[dict[str, Any]] = []
    while True:
        try:
            packet = daemon.recv(65_536)
        except BlockingIOError:
            return documents
        preamble, _, document = packet.partition(b"\n")
        assert json.loads(preamble) == {"format": "json", "version": 1}
        documents.append(json.loads(document))


def test_a_sampled_invocation_is_one_subsegment_with_what_it_was(
    daemon: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below the segment that Lambda opened; of a failure only its kind is told."""
    monkeypatch.setenv("_X_AMZN_TRACE_ID", SAMPLED)
    service = f"traced-{secrets.token_hex(4)}"
    observed = telemetry(
        FunctionSettings("table", "bucket", service=service, xray_daemon=daemon.getsockname())
    )

    def handle(event: Any, _: Any) -> None:
        observed.tracer.annotate("operation", event["operation"])
        if event["operation"] == "fail":
            raise RuntimeError("what a user sent")

    handler = observed.handler(handle)
    handler({"operation": "read"}, FakeContext())
    with pytest.raises(RuntimeError):
        handler({"operation": "fail"}, FakeContext())
    first, second = received(daemon)
    assert first["trace_id"] == "1-5759e988-bd862e3fe1be46a994272793"
    assert first["parent_id"] == "53995c3f42cd8ad8"
    assert first["type"] == "subsegment"
    assert first["start_time"] <= first["end_time"]
    assert first["annotations"] == {"ColdStart": True, "Service": service, "operation": "read"}
    assert "fault" not in first
    assert second["annotations"]["ColdStart"] is False
    assert second["fault"] is True
    assert second["cause"]["exceptions"][0]["type"] == "RuntimeError"
    assert "what a user sent" not in json.dumps(second)


@pytest.mark.parametrize("header", ["", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0", "rubbish"])
def test_what_is_not_sampled_is_not_sent(
    daemon: socket.socket, monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    """And does its work all the same."""
    monkeypatch.setenv("_X_AMZN_TRACE_ID", header)
    observed = telemetry(
        FunctionSettings(
            "table", "bucket", service=f"traced-{secrets.token_hex(4)}", xray_daemon=daemon.getsockname()
        )
    )
    assert observed.handler(lambda event, _: event)({"a": 1}, FakeContext()) == {"a": 1}
    assert received(daemon) == []
