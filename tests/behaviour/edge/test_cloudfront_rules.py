"""Every rule of CloudFront that the simulator has, broken once each; and results of the router, which break none."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.cloudfront.header_rules import (
    DISALLOWED,
    NEVER_CUSTOM,
    NEVER_GENERATED,
    READ_ONLY_REQUEST,
    READ_ONLY_RESPONSE,
    RuleBroken,
)
from local.cloudfront.request_rules import check_request
from local.cloudfront.response_rules import check_generated, check_response
from quartzdb.routing.decision.state import Mode, Origin, RoutingState
from quartzdb.routing.edge import cloudfront_event
from quartzdb.routing.edge.forwarding import forwarded, identify, proxied
from quartzdb.routing.edge.generated_answer import GeneratedAnswerTooLarge, generated, refusal
from tests.behaviour.edge.conftest import AWS_SECRET, CLOUDFLARE_SECRET, CONFIG, CONFIGURED
from tests.functions.events import origin_request

Change = Callable[[dict[str, Any]], object]


def event_request(method: str = "POST", target: str = "/api/put", **options: Any) -> dict[str, Any]:
    """The request of an event, with both secrets among the configured origin's headers."""
    options.setdefault("body", b"{}")
    request: dict[str, Any] = origin_request(method, target, **options)["Records"][0]["cf"]["request"]
    request["origin"] = {"custom": CONFIGURED.as_event()}
    request["headers"]["content-length"] = [{"key": "Content-Length", "value": "2"}]
    return request


def header(name: str, value: str = "x", key: str | None = None) -> Change:
    """Sets a header."""
    return lambda it: it["headers"].update({name: [{"key": key or name, "value": value}]})


def custom(**fields: Any) -> Change:
    """Changes the custom origin."""
    return lambda it: it["origin"]["custom"].update(fields)


def custom_header(name: str, value: str = "x") -> Change:
    """Adds a custom header."""
    return lambda it: it["origin"]["custom"]["customHeaders"].update({name: [{"key": name, "value": value}]})


def fields(**changed: Any) -> Change:
    """Changes fields of the request or the answer."""
    return lambda it: it.update(changed)


def without(*path: str) -> Change:
    """Takes a field away."""

    def change(it: dict[str, Any]) -> None:
        for name in path[:-1]:
            it = it[name]
        del it[path[-1]]

    return change


BROKEN_REQUESTS: dict[str, Change] = {
    **{f"disallowed {name}": header(name) for name in sorted(DISALLOWED)},
    "disallowed x-amz-cf-*": header("x-amz-cf-id"),
    "disallowed x-edge-*": header("x-edge-location"),
    **{f"read-only {name} set": header(name, "changed") for name in sorted(READ_ONLY_REQUEST)},
    "read-only via taken away": without("headers", "via"),
    "read-only content-length taken away": without("headers", "content-length"),
    "no headers": without("headers"),
    "headers no object": fields(headers=[]),
    "a header no list": lambda it: it["headers"].update({"x-a": {"key": "x-a", "value": "b"}}),
    "a header of strings": lambda it: it["headers"].update({"x-a": ["b"]}),
    "a header without value": lambda it: it["headers"].update({"x-a": [{"key": "x-a"}]}),
    "a value that is a number": lambda it: it["headers"].update({"x-a": [{"value": 1}]}),
    "a key in upper case": header("X-A"),
    "another key inside": header("x-a", key="x-b"),
    "a line break in a value": header("x-a", "a\r\nb"),
    "a space in a name": header("x a"),
    "no host": without("headers", "host"),
    "an empty host": header("host", ""),
    "another method": fields(method="GET"),
    "another client": fields(clientIp="192.0.2.1"),
    "a path without slash": fields(uri="api"),
    "a path with a query": fields(uri="/api?a"),
    "a path with a space": fields(uri="/a b"),
    "a path with an umlaut": fields(uri="/\u00e4"),
    "no path": without("uri"),
    "a query with question mark": fields(querystring="?a"),
    "a query with a space": fields(querystring="a b"),
    "a target too long": fields(querystring="a" * 8192),
    "no origin": without("origin"),
    "both origins": lambda it: it["origin"].update({"s3": {}}),
    "an unknown origin": fields(origin={"r2": {}}),
    **{f"origin without {name}": without("origin", "custom", name) for name in CONFIGURED.as_event()},
    "a domain that is an address": custom(domainName="203.0.113.9"),
    "a domain that is an IPv6 address": custom(domainName="[2001:db8::1]"),
    "a domain with port": custom(domainName="db.example.org:443"),
    "a domain with path": custom(domainName="db.example.org/x"),
    "an empty domain": custom(domainName=""),
    "a domain too long": custom(domainName="a." * 127 + "a"),
    "port 81": custom(port=81),
    "port 1023": custom(port=1023),
    "port 65536": custom(port=65536),
    "a port that is text": custom(port="443"),
    "an unknown protocol": custom(protocol="h2"),
    "an origin path without slash": custom(path="x"),
    "an origin path that ends in one": custom(path="/x/"),
    "an origin path that is only one": custom(path="/"),
    "an origin path too long": custom(path="/" + "x" * 255),
    "a read timeout of 0": custom(readTimeout=0),
    "a read timeout of 61": custom(readTimeout=61),
    "a fraction of a second": custom(readTimeout=1.5),
    "a keepalive timeout of 0": custom(keepaliveTimeout=0),
    "no TLS": custom(sslProtocols=[]),
    "an unknown TLS": custom(sslProtocols=["TLSv9"]),
    **{f"custom header {name}": custom_header(name) for name in sorted(NEVER_CUSTOM)},
    "custom header x-amz-*": custom_header("x-amz-date"),
    "custom header x-edge-*": custom_header("x-edge-a"),
    "custom header of the request, too": custom_header("user-agent"),
    "custom header too long": custom_header("x-a", "x" * 1784),
    "custom header name too long": custom_header("x-" + "a" * 255),
    "too many custom headers": lambda it: [custom_header(f"x-{n}")(it) for n in range(11)],
    "too large custom headers": lambda it: [custom_header(f"x-{n}", "x" * 1700)(it) for n in range(8)],
    "the truncation changed": lambda it: it["body"].update({"inputTruncated": True}),
    "an unknown action": lambda it: it["body"].update({"action": "append"}),
    "a replaced body that is no base64": lambda it: it["body"].update({"action": "replace", "data": "%"}),
    "a replaced body in an unknown encoding": lambda it: it["body"].update(
        {"action": "replace", "encoding": "hex"}
    ),
    "a replaced body too large": lambda it: it["body"].update(
        {"action": "replace", "encoding": "text", "data": "x" * (1024 * 1024 + 1)}
    ),
    "a body that is text": fields(body="x"),
}


@pytest.mark.parametrize("change", BROKEN_REQUESTS.values(), ids=BROKEN_REQUESTS)
def test_a_request_that_breaks_a_rule_is_refused(change: Change) -> None:
    """And what was changed is all that was wrong with it."""
    before = event_request()
    after = copy.deepcopy(before)
    check_request(before, after)
    change(after)
    with pytest.raises(RuleBroken):
        check_request(before, after)


def test_a_body_where_there_was_none_is_refused() -> None:
    """The function is not told of bodies then."""
    before = event_request()
    del before["body"]
    with pytest.raises(RuleBroken):
        check_request(before, {**before, "body": {"action": "replace", "data": ""}})
    no_requests: list[Any] = [None, [], "x", {}]
    for nothing in no_requests:
        with pytest.raises(RuleBroken):
            check_request(before, nothing)


def answer() -> dict[str, Any]:
    return {"status": "200", "statusDescription": "OK", "headers": {}, "body": "x", "bodyEncoding": "text"}


BROKEN_ANSWERS: dict[str, Change] = {
    "a status that is a number": fields(status=200),
    "no status": without("status"),
    "status 199": fields(status="199"),
    "status 600": fields(status="600"),
    "status of two digits": fields(status="20"),
    "a description that is a number": fields(statusDescription=1),
    **{f"disallowed {name}": header(name) for name in sorted(DISALLOWED)},
    "disallowed x-amz-cf-*": header("x-amz-cf-id"),
    **{f"read-only {name}": header(name) for name in sorted(NEVER_GENERATED)},
    "a key in upper case": header("X-A"),
    "a body that is no text": fields(body=b"x".hex),
    "an unknown encoding": fields(bodyEncoding="hex"),
    "no base64": fields(bodyEncoding="base64", body="%"),
    "too large": fields(body="x" * (1024 * 1024 + 1)),
    "too large with its headers": lambda it: it.update(
        {"body": "x" * (1024 * 1024 - 5), "headers": {"x-a": [{"value": "123"}]}}
    ),
    "too large in base64": fields(bodyEncoding="base64", body=base64.b64encode(bytes(800_000)).decode()),
}


@pytest.mark.parametrize("change", BROKEN_ANSWERS.values(), ids=BROKEN_ANSWERS)
def test_an_answer_that_breaks_a_rule_is_refused(change: Change) -> None:
    """In place of a request."""
    after = answer()
    check_generated(after)
    change(after)
    with pytest.raises(RuleBroken):
        check_generated(after)


@pytest.mark.parametrize("name", sorted(READ_ONLY_RESPONSE))
def test_an_origins_answer_keeps_what_is_read_only(name: str) -> None:
    """Neither added nor taken away."""
    before = {"status": "200", "headers": {}}
    with_it = {"status": "200", "headers": {name: [{"key": name, "value": "x"}]}}
    check_response(with_it, copy.deepcopy(with_it))
    for first, second in ((before, with_it), (with_it, before)):
        with pytest.raises(RuleBroken):
            check_response(first, second)
    with pytest.raises(RuleBroken):
        check_response(before, {**before, "status": 200})
    with pytest.raises(RuleBroken):
        check_response(before, None)


def test_the_router_knows_every_disallowed_header() -> None:
    """Its list and the simulator's are two lists of one thing."""
    assert cloudfront_event.REQUEST_DISALLOWED == DISALLOWED


# What may come: any header that CloudFront shows a function, in any number.
names = st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True) | st.sampled_from(
    sorted(
        READ_ONLY_REQUEST
        | {
            "x-quartzdb-origin-secret",
            "x-quartzdb-epoch",
            "x-quartzdb-active",
            "x-request-id",
            "authorization",
        }
    )
)
shown = names.filter(lambda name: not cloudfront_event.is_disallowed(name) and name not in {"host", "via"})
texts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12)
headers = st.lists(st.tuples(shown, texts), max_size=8)


@given(
    headers,
    st.sampled_from(Origin),
    st.sampled_from(["/", "/api/put", "/v1/a%2Fb"]),
    st.none() | st.binary(max_size=20),
    st.booleans(),
)
def test_what_the_router_forwards_breaks_no_rule_and_leaks_no_secret(
    given_headers: list[tuple[str, str]], origin: Origin, path: str, body: bytes | None, described: bool
) -> None:
    """Whatever a client sends, to either origin; and so with what the router sends by itself."""
    config = CONFIG
    if described:
        aws = replace(config.origins[Origin.AWS], domain="api.example.org", path="/stage")
        config = replace(config, origins={**config.origins, Origin.AWS: aws})
    request = event_request("POST", path, headers=given_headers, body=body)
    before = copy.deepcopy(request)
    identify(request, RoutingState(7, 7, Origin.AWS, Mode.FAILED_OVER, 0, "for a test"), lambda: "new-id")
    sent = forwarded(request, origin, config)
    check_request(before, sent)
    foreign, own = (
        (CLOUDFLARE_SECRET, AWS_SECRET) if origin is Origin.AWS else (AWS_SECRET, CLOUDFLARE_SECRET)
    )
    assert foreign not in json.dumps(sent)
    endpoint, target, pairs = proxied(sent)
    assert endpoint.host == sent["origin"]["custom"]["domainName"]
    assert target == sent["origin"]["custom"]["path"] + path
    assert [value for name, value in pairs if name.lower() == "x-quartzdb-origin-secret"] == [own]
    assert [value for name, value in pairs if name.lower() == "x-quartzdb-epoch"] == ["7"]
    active = "yes" if origin is Origin.AWS else "no"
    assert [value for name, value in pairs if name.lower() == "x-quartzdb-active"] == [active]
    assert len([value for name, value in pairs if name.lower() == "host"]) == 1


@given(
    st.integers(200, 599),
    st.lists(st.tuples(st.sampled_from(sorted(DISALLOWED | NEVER_GENERATED)) | names, texts), max_size=8),
    st.binary(max_size=40) | st.text(max_size=20).map(str.encode),
    st.sampled_from(["GET", "HEAD", "POST"]),
)
def test_what_the_router_answers_breaks_no_rule(
    status: int, given_headers: list[tuple[str, str]], body: bytes, method: str
) -> None:
    """Whatever an origin says."""
    check_generated(generated(status, given_headers, body, method=method))


@pytest.mark.parametrize("path", ["/api/put", "/v1/namespaces", "/"])
@pytest.mark.parametrize("status", [413, 502, 503])
def test_the_routers_own_errors_break_no_rule(path: str, status: int) -> None:
    """And have the form of the surface, with a code."""
    made = refusal(status, "unavailable", "It is so.", "Do this.", request=("POST", path, "id"))
    check_generated(made)
    document = json.loads(made["body"])
    assert document["code"] == "unavailable"
    if path.startswith("/v1"):
        assert (document["status"], document["request_id"], document["hint"]) == (status, "id", "Do this.")
    else:
        assert document["success"] is False
    assert ("retry-after" in made["headers"]) == (status == 503)


def test_an_answer_may_have_a_megabyte_and_not_more() -> None:
    """Text by its bytes, everything else in base64; and the largest that the router gives is one CloudFront takes."""
    for body, fits in ((b"x" * 1_040_000, True), (b"x" * 1_048_576, False), (b"\xff" * 780_000, True)):
        if fits:
            check_generated(generated(200, [("Content-Type", "text/plain")], body, method="GET"))
        else:
            with pytest.raises(GeneratedAnswerTooLarge):
                generated(200, [], body, method="GET")
    with pytest.raises(GeneratedAnswerTooLarge):
        generated(200, [], b"\xff" * 790_000, method="GET")
