"""The simulated CloudFront: what a function is shown, what becomes of its results, and what viewers get in the end."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cdk.function_paths import NAMED_PATHS, SEARCH_PATHS
from local.cloudfront.distribution import Behavior, ConfiguredOrigin, Distribution, OriginGroup
from local.cloudfront.names import Names
from local.cloudfront.simulator import Simulator, simulator
from local.faults import Fault, FaultProxy, fault_proxy
from tests.functions.events import event
from tests.recording_origin import RecordingOrigin, recording_origin

FIRST = ConfiguredOrigin(
    "first.example.org", custom_headers={"X-Secret": "one"}, connection_attempts=2, read_timeout_seconds=0.3
)
SECOND = ConfiguredOrigin("second.example.org", path="/below", connection_attempts=1)
ECHO = """
import json
def handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    if event["Records"][0]["cf"]["config"]["eventType"] == "origin-response":
        return event["Records"][0]["cf"]["response"]
    return {"status": "200", "headers": {}, "body": json.dumps(event), "bodyEncoding": "text"}
"""
PASS = """
def handler(event, context):
    cf = event["Records"][0]["cf"]
    return cf["response"] if cf["config"]["eventType"] == "origin-response" else cf["request"]
"""


@dataclass
class Front:
    """A running distribution, its origins, and what is in front of them."""

    simulator: Simulator
    origins: list[RecordingOrigin]
    faults: list[FaultProxy]

    def send(
        self, method: str = "GET", target: str = "/a", body: bytes | None = None, headers: Any = ()
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        connection = http.client.HTTPConnection(self.simulator.url.removeprefix("http://"), timeout=20)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()


MakeFront = Callable[..., Front]


@pytest.fixture
def front(tmp_path: Path) -> Iterator[MakeFront]:
    """Makes one from a function's source and a distribution."""
    with ExitStack() as stack:

        def make(
            source: str | None = None, distribution: Distribution | None = None, **options: Any
        ) -> Front:
            origins = [stack.enter_context(recording_origin(name)) for name in ("first", "second")]
            faults = [stack.enter_context(fault_proxy(each.address)) for each in origins]
            bundle = None
            if source is not None:
                bundle = tmp_path / "bundle"
                bundle.mkdir()
                (bundle / "handler.py").write_text(source)
            running = simulator(
                distribution or Distribution(FIRST),
                Names({FIRST.domain: faults[0], SECOND.domain: faults[1]}),
                bundle=bundle,
                log=tmp_path / "log",
                client_ip="203.0.113.178",
                **{"instances_max": 1, **options},
            )
            return Front(stack.enter_context(running), origins, faults)

        yield make


def test_a_function_is_shown_what_cloudfront_shows(front: MakeFront) -> None:
    """Headers in lower case and in lists, without those that it keeps to itself; and the fields of AWS's own event."""
    status, _, body = front(ECHO).send(
        "POST",
        "/a%2Fb/c?x=%20&y",
        b"\x00body",
        [
            ("X-One", "1"),
            ("x-one", "2"),
            ("Accept-Encoding", "gzip"),
            ("Connection", "keep-alive"),
            ("X-Real-IP", "192.0.2.1"),
            ("X-Forwarded-Proto", "http"),
            ("X-Edge-Location", "x"),
            ("X-Amz-Cf-Id", "x"),
            ("X-Forwarded-For", "192.0.2.9"),
            ("TE", "trailers"),
        ],
    )
    assert status == 200
    shown = json.loads(body)
    cf = shown["Records"][0]["cf"]
    real = event("origin_request")["Records"][0]["cf"]
    assert cf["config"].keys() == real["config"].keys()
    assert cf["request"].keys() - {"body"} == real["request"].keys()
    assert cf["request"]["origin"]["custom"].keys() == real["request"]["origin"]["custom"].keys()
    request = cf["request"]
    assert (request["method"], request["uri"], request["querystring"]) == ("POST", "/a%2Fb/c", "x=%20&y")
    assert request["clientIp"] == "203.0.113.178"
    assert request["headers"]["x-one"] == [{"key": "X-One", "value": "1"}, {"key": "x-one", "value": "2"}]
    assert request["headers"]["host"] == [{"key": "Host", "value": FIRST.domain}]
    assert request["headers"]["x-forwarded-for"][0]["value"] == "192.0.2.9, 203.0.113.178"
    assert request["headers"].keys() == {
        *("x-one", "accept-encoding", "x-forwarded-for", "via", "host", "content-length")
    }
    assert base64.b64decode(request["body"]["data"]) == b"\x00body"
    assert request["origin"]["custom"]["customHeaders"] == {"x-secret": [{"key": "X-Secret", "value": "one"}]}


def test_a_large_body_is_cut_for_the_function_and_not_for_the_origin(front: MakeFront) -> None:
    """At 1 MB; a body that the function replaces is what the origin gets."""
    source = """
def handler(event, context):
    cf = event["Records"][0]["cf"]
    if cf["config"]["eventType"] == "origin-response":
        return cf["response"]
    body = cf["request"]["body"]
    if cf["request"]["uri"] == "/replaced":
        said = f"{body['inputTruncated']} {len(body['data'])}"
        cf["request"]["body"] = {**body, "action": "replace", "encoding": "text", "data": said}
    return cf["request"]
"""
    running = front(source)
    body = bytes(range(256)) * 5000
    for target in ("/kept", "/replaced"):
        assert running.send("POST", target, body)[0] == 200
    assert [each.body for each in running.origins[0].asked] == [body, b"True 1398104"]


def test_a_function_that_breaks_a_rule_is_a_502_that_says_which(front: MakeFront) -> None:
    """In the answer and in the log of what was handled; the origin is not asked."""
    running = front('def handler(event, context):\n    return {"status": 200, "headers": {}}')
    status, headers, _ = running.send()
    assert status == 502
    assert "status is text of three digits" in headers["x-quartzdb-simulator"]
    assert running.simulator.handled[-1].detail == headers["x-quartzdb-simulator"]
    assert running.origins[0].asked == []


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def handler(event, context):\n    raise ValueError('no')", "ValueError: no"),
        ("import os\ndef handler(event, context):\n    os._exit(1)", "ended"),
        ("import numpy\ndef handler(event, context):\n    pass", "ended"),
        ("import pytest\ndef handler(event, context):\n    pass", "ended"),
        ("import local\ndef handler(event, context):\n    pass", "ended"),
    ],
    ids=["raises", "dies", "imports numpy", "imports pytest", "imports this project"],
)
def test_a_function_that_fails_is_a_503(front: MakeFront, source: str, why: str) -> None:
    """And one that needs more than its bundle and the standard library fails."""
    running = front(source)
    status, headers, _ = running.send()
    assert status == 503
    assert why in headers["x-quartzdb-simulator"]


def test_an_instance_keeps_its_memory_and_is_frozen_between_events(front: MakeFront) -> None:
    """Its threads too: the process is stopped. A recycled one begins anew."""
    source = """
count = 0
def handler(event, context):
    global count
    count += 1
    return {"status": "200", "headers": {}, "body": str(count), "bodyEncoding": "text"}
"""
    running = front(source)
    assert running.simulator.instances is not None
    for count in (b"1", b"2"):
        assert running.send()[2] == count
        (instance,) = running.simulator.instances.idle_processes
        while Path(f"/proc/{instance}/stat").read_text().split()[2] != "T":
            pass  # a signal takes a moment; the test's timeout is the limit
    running.simulator.instances.recycle()
    assert running.send()[2] == b"1"
    assert running.simulator.instances.started == 2


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault("refuse"), 502),
        (Fault("dns"), 502),
        (Fault("reset"), 502),
        (Fault("blackhole"), 504),
        (Fault("error_5xx", status=500), 500),
    ],
    ids=lambda each: getattr(each, "kind", ""),
)
def test_an_origin_that_fails_is_an_error_of_cloudfronts(front: MakeFront, fault: Fault, status: int) -> None:
    """502 where it broke, 504 where it said nothing; its own errors are passed on."""
    running = front(PASS)
    running.faults[0].set(fault)
    got, headers, _ = running.send("POST", body=b"x")
    assert got == status
    assert headers["x-cache"] == "Error from cloudfront"
    assert ("x-quartzdb-simulator" in headers) == (fault.kind != "error_5xx")


def test_an_answer_that_is_cut_reaches_the_viewer_cut(front: MakeFront) -> None:
    """CloudFront has begun to pass it on by then."""
    running = front(PASS)
    running.faults[0].set(Fault("truncated"))
    with pytest.raises(http.client.IncompleteRead):
        running.send()


def test_an_origins_answer_is_passed_on(front: MakeFront) -> None:
    """With the headers that the function adds, and the custom headers of the origin in the request."""
    source = """
def handler(event, context):
    cf = event["Records"][0]["cf"]
    if cf["config"]["eventType"] == "origin-request":
        return cf["request"]
    assert "body" not in cf["request"] and cf["request"]["origin"]["custom"]["domainName"]
    cf["response"]["headers"]["x-seen"] = [{"key": "X-Seen", "value": cf["response"]["status"]}]
    return cf["response"]
"""
    running = front(source)
    running.origins[0].status = 404
    running.origins[0].headers = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Amzn-RequestId", "x")]
    status, headers, body = running.send(target="/a?b=%20", headers=[("X-One", "1"), ("X-One", "2")])
    assert (status, headers["x-seen"], body) == (404, "404", b"first")
    assert "x-amzn-requestid" not in headers
    (asked,) = running.origins[0].asked
    assert (asked.target, asked.headers["x-one"], asked.headers["x-secret"]) == ("/a?b=%20", "1|2", "one")
    assert running.send("HEAD")[1]["content-length"] == "5"


def test_paths_go_where_the_distribution_says(front: MakeFront) -> None:
    """The first pattern that matches, and the path of that origin before the request's."""
    running = front(None, Distribution(FIRST, [Behavior("/v1/namespaces/*/query", SECOND)]))
    assert running.send("POST", "/v1/namespaces/a/query", b"")[2] == b"second"
    assert running.origins[1].asked[0].target == "/below/v1/namespaces/a/query"
    assert running.send("POST", "/v1/namespaces/a/queries", b"")[2] == b"first"


def test_a_key_that_ends_like_a_search_is_a_key(front: MakeFront) -> None:
    """Through the patterns of the deployment: it goes to the function that may read it, and a search to the other."""
    named = [Behavior(pattern, FIRST) for pattern in NAMED_PATHS]
    running = front(None, Distribution(FIRST, [*named, *(Behavior(each, SECOND) for each in SEARCH_PATHS)]))
    for key in ("query", "a/query", "a/query/batch", "a%2Fquery"):
        assert running.send("PUT", f"/v1/namespaces/n/kv/{key}", b"x")[2] == b"first"
    for search in ("query", "query/batch"):
        assert running.send("POST", f"/v1/namespaces/kv/{search}", b"{}")[2] == b"second"


@pytest.mark.parametrize(
    "fault",
    [Fault("refuse"), Fault("blackhole"), Fault("error_5xx"), Fault("dns"), Fault("reset")],
    ids=lambda each: str(each.kind),
)
def test_an_origin_group_takes_reads_only_and_fails_them_over(front: MakeFront, fault: Fault) -> None:
    """On what it cannot reach, what does not answer, and the listed statuses; the function is asked again."""
    running = front(PASS, Distribution(OriginGroup(FIRST, SECOND)))
    running.faults[0].set(fault)
    for method in ("GET", "OPTIONS"):
        assert running.send(method)[2] == b"second"
    assert running.send("POST", body=b"x")[0] == 403
    assert len(running.origins[1].asked) == 2
    assert running.origins[1].asked[0].headers["host"] == SECOND.domain


def test_an_origin_group_keeps_what_is_not_listed(front: MakeFront) -> None:
    """404 of the first is the answer."""
    running = front(None, Distribution(OriginGroup(FIRST, SECOND)))
    running.origins[0].status = 404
    assert running.send()[0] == 404


def test_what_cloudfront_refuses_by_itself(front: MakeFront) -> None:
    """Methods that there are not, a GET with a body, an endless address."""
    running = front(None)
    assert running.send("TRACE")[0] == 403
    assert running.send("GET", body=b"x")[0] == 403
    assert running.send("GET", "/" + "a" * 9000)[0] == 414
    assert running.origins[0].asked == []


def test_a_body_in_chunks_arrives_whole(front: MakeFront) -> None:
    """HTTP/1.1 clients may not know its length."""
    running = front(PASS)
    connection = http.client.HTTPConnection(running.simulator.url.removeprefix("http://"), timeout=20)
    connection.request("POST", "/a", iter([b"one", b"two"]), encode_chunked=True)
    assert connection.getresponse().read() == b"first"
    connection.close()
    assert running.origins[0].asked[0].body == b"onetwo"


def test_a_function_without_bodies_sees_none(front: MakeFront) -> None:
    """As the association of a function may have it."""
    shown = front(ECHO, replace(Distribution(FIRST), include_body=False)).send("POST", body=b"x")[2]
    assert "body" not in json.loads(shown)["Records"][0]["cf"]["request"]
