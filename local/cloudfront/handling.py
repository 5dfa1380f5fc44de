"""One viewer request on its way: event, function, rules, origin, and the same back. Has no sockets of its own."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from local.cloudfront.distribution import ConfiguredOrigin, Distribution
from local.cloudfront.events import origin_request, origin_response
from local.cloudfront.header_rules import RuleBroken
from local.cloudfront.instances import FunctionFailed
from local.cloudfront.names import NameNotFound, Names
from local.cloudfront.origin_fetch import OriginAnswer, OriginUnavailable, fetch
from local.cloudfront.request_rules import TARGET_BYTES_MAX, check_request, replaced_body
from local.cloudfront.response_rules import body_bytes, check_generated, check_response
from local.cloudfront.viewer import VIA, Pairs, ViewerRequest, new_request_id

logger = logging.getLogger(__name__)

DETAIL = "x-quartzdb-simulator"
"""Says in an answer what CloudFront would not: which rule was broken, or what failed."""
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
Invoke = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Answered:
    """What the viewer gets. `cut`: its length is `length`, and not all of it comes."""

    status: int
    headers: Pairs
    body: bytes = field(repr=False)
    cut: bool = False
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Handled:
    """For whoever looks on: one request, where it was sent (None: nowhere), and why it failed if it did."""

    request_id: str
    method: str
    uri: str
    status: int
    domain: str | None
    detail: str | None


class _Failed(Exception):
    def __init__(self, status: int, detail: str, domain: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.domain = domain


class Handling:
    """All requests of one distribution. Thread-safe. `invoke` None: no function is attached."""

    def __init__(self, distribution: Distribution, names: Names, invoke: Invoke | None) -> None:
        self.distribution = distribution
        self.names = names
        self._invoke = invoke
        self.handled: deque[Handled] = deque(maxlen=100_000)

    def answer(self, viewer: ViewerRequest) -> Answered:
        """The answer to a viewer."""
        request_id = new_request_id()
        detail, domain = None, None
        try:
            answered, domain = self._pass_on(viewer, request_id)
        except _Failed as failure:
            detail, domain = str(failure), failure.domain
            logger.warning("%s %s: %s: %s", viewer.method, viewer.uri, failure.status, detail)
            answered = _error(failure.status, detail, request_id)
        self.handled.append(Handled(request_id, viewer.method, viewer.uri, answered.status, domain, detail))
        return answered

    def _pass_on(self, viewer: ViewerRequest, request_id: str) -> tuple[Answered, str | None]:
        if viewer.method not in METHODS:
            raise _Failed(403, f"the method {viewer.method} is not allowed")
        if viewer.method in {"GET", "HEAD"} and viewer.body:
            raise _Failed(403, "a GET with a body")
        if len(viewer.target) > TARGET_BYTES_MAX:
            raise _Failed(414, f"the target passes {TARGET_BYTES_MAX} bytes")
        targets, failing = self.distribution.targets(viewer.uri, viewer.method)
        if not targets:
            raise _Failed(403, f"the method {viewer.method} is not allowed on a path of an origin group")
        for origin in targets[:-1]:
            try:
                answered, domain = self._ask(viewer, origin, request_id)
            except _Failed as failure:
                if failure.status not in {502, 503, 504}:
                    raise
            else:
                if answered.status not in failing:
                    return answered, domain
        return self._ask(viewer, targets[-1], request_id)

    def _ask(
        self, viewer: ViewerRequest, origin: ConfiguredOrigin, request_id: str
    ) -> tuple[Answered, str | None]:
        try:
            # Before the function: what it rewrites to does not help against a configured origin without a name.
            self.names.look_up(origin.domain)
        except NameNotFound as error:
            raise _Failed(502, f"the configured origin: {error}", origin.domain) from error
        event = origin_request(self.distribution, origin, viewer, request_id)
        request = event["Records"][0]["cf"]["request"]
        body = viewer.body
        if self._invoke is not None:
            result = self._run(event, origin.domain)
            if isinstance(result, dict) and "status" in result:
                return self._generated(result, viewer, request_id), None
            self._check(lambda: check_request(request, result), origin.domain)
            if (result.get("body") or {}).get("action") == "replace":
                body = replaced_body(result["body"])
            request = result
        domain = request["origin"]["custom"]["domainName"]
        try:
            answer = fetch(
                request,
                body,
                origin,
                self.names,
                read_timeout_seconds_max=self.distribution.read_timeout_seconds_max,
            )
        except OriginUnavailable as error:
            # No answer of an origin, so there is no origin-response event either.
            raise _Failed(error.status, str(error), domain) from error
        return self._passed_back(answer, request, request_id), domain

    def _passed_back(self, answer: OriginAnswer, request: dict[str, Any], request_id: str) -> Answered:
        response = answer.as_event()
        body = answer.body
        if self._invoke is not None:
            domain = request["origin"]["custom"]["domainName"]
            result = self._run(origin_response(self.distribution, request, response, request_id), domain)
            self._check(lambda: check_response(response, result), domain)
            replaced = body_bytes(result)
            body = body if replaced is None else replaced
            response = result
        status = int(response["status"])
        miss = "Error from cloudfront" if status >= 400 else "Miss from cloudfront"
        length = None
        if body is answer.body:
            length = next(
                (int(value) for name, value in answer.headers if name.lower() == "content-length"), None
            )
        return Answered(
            status, _pairs(response["headers"], miss, request_id), body, cut=answer.cut, length=length
        )

    def _generated(self, result: dict[str, Any], viewer: ViewerRequest, request_id: str) -> Answered:
        self._check(lambda: check_generated(result), None)
        body = body_bytes(result) or b""
        headers = _pairs(result.get("headers", {}), "LambdaGeneratedResponse from cloudfront", request_id)
        return Answered(int(result["status"]), headers, b"" if viewer.method == "HEAD" else body)

    def _run(self, event: dict[str, Any], domain: str | None) -> Any:
        assert self._invoke is not None
        try:
            return self._invoke(event)
        except FunctionFailed as error:
            raise _Failed(503, f"the function failed: {error}", domain) from error

    @staticmethod
    def _check(check: Callable[[], None], domain: str | None) -> None:
        try:
            check()
        except RuleBroken as error:
            raise _Failed(502, f"the function's result is not valid: {error}", domain) from error


def _pairs(headers: dict[str, list[dict[str, str]]], cache: str, request_id: str) -> Pairs:
    pairs = [
        (each.get("key", name), each["value"])
        for name, many in headers.items()
        if name not in {"content-length", "via"}
        for each in many
    ]
    return [*pairs, ("Via", VIA), ("X-Cache", cache), ("X-Amz-Cf-Id", request_id)]


def _error(status: int, detail: str, request_id: str) -> Answered:
    printable = detail.encode("ascii", "replace").decode().replace("\n", " ").replace("\r", " ")[:1000]
    phrase = HTTPStatus(status).phrase
    headers = [
        ("Content-Type", "text/html"),
        ("X-Cache", "Error from cloudfront"),
        ("Via", VIA),
        ("X-Amz-Cf-Id", request_id),
        (DETAIL, printable),
    ]
    return Answered(status, headers, f"<html><body><h1>{status} {phrase}</h1></body></html>\n".encode())
