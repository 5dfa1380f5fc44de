"""The router: what becomes of an origin-request and of an origin-response event. Holds what an instance remembers.

docs/failover.md has the rules. A write is sent to an origin once, by CloudFront or by the router, and never again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from quartzdb.net.hard_deadline import Deadline
from quartzdb.net.http_client import HttpAnswer, HttpClient, Unanswered
from quartzdb.routing.decision.edge_config import EdgeConfig
from quartzdb.routing.decision.override import HEADER as OVERRIDE
from quartzdb.routing.decision.override import verify_override
from quartzdb.routing.decision.route import RequestTraits, Route, route, second_attempt
from quartzdb.routing.decision.state import Origin
from quartzdb.routing.decision.state_cache import StateCache
from quartzdb.routing.decision.suspicion import Suspicion
from quartzdb.routing.edge.cloudfront_event import CfRequest, CfResponse, body_of, only_value, set_header
from quartzdb.routing.edge.forwarding import (
    SERVED_BY,
    Secrets,
    forwarded,
    identify,
    is_second_attempt,
    origin_behind,
    proxied,
    secrets_of,
)
from quartzdb.routing.edge.generated_answer import ANSWER_BYTES_MAX, GeneratedAnswerTooLarge, generated
from quartzdb.routing.edge.mirroring import Mirroring
from quartzdb.routing.edge.passive_reports import PassiveReportSender

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Router:
    """One instance's. Not thread-safe: Lambda gives an instance one event at a time.

    `now` is unix seconds. `mirroring` None: there is no peer that has to be mirrored.
    """

    config: EdgeConfig
    states: StateCache
    client: HttpClient
    suspicion: Suspicion
    reports: PassiveReportSender
    mirroring: Mirroring | None
    now: Callable[[], float]
    new_id: Callable[[], str]

    def handle(self, event: dict[str, Any]) -> dict[str, Any]:
        """What CloudFront gets back: a request, or an answer."""
        cf = event["Records"][0]["cf"]
        if cf["config"]["eventType"] == "origin-response":
            return self._on_response(cf["request"], cf["response"])
        return self._on_request(cf["request"])

    def _on_request(self, request: CfRequest) -> dict[str, Any]:
        known = self.states.current()
        secrets = secrets_of(request)
        self.reports.marks.learn(secrets.aws)
        override = self._override(request, secrets)
        request_id = identify(request, known.state, self.new_id)
        traits = RequestTraits(request["method"], request["uri"], _client(request), override)
        chosen = route(known.state, self.config, traits, suspects=self.suspicion.suspects(known.read_at))
        if is_second_attempt(request):
            if not chosen.guarded:  # or the router has seen for itself
                # There is no origin-response event where an origin did not answer: this is how the edge hears of it.
                self._observe(request, chosen.origin, "no good answer to CloudFront")
                self.reports.send_if_due()
            return forwarded(
                request, second_attempt(chosen, known.state, self.config, traits).origin, self.config
            )
        if chosen.guarded:
            answer = self._guarded(request, chosen, request_id)
            self.reports.send_if_due()
            return answer
        if chosen.mirror and self.mirroring is not None:
            answered = self.mirroring.write(request, request_id, partial(self._observe, request))
            self.reports.send_if_due()
            return answered
        return forwarded(request, chosen.origin, self.config)

    def _on_response(self, request: CfRequest, response: CfResponse) -> CfResponse:
        origin = origin_behind(request, self.config)
        self._observe(request, origin, _failure(int(response["status"])))
        self.reports.send_if_due()
        set_header(response["headers"], SERVED_BY, origin.value)
        return response

    def _guarded(self, request: CfRequest, chosen: Route, request_id: str) -> dict[str, Any]:
        """Try the suspect; whatever cannot be answered here CloudFront sends, to the other if the suspect failed."""
        assert chosen.fallback is not None
        sent = forwarded(request, chosen.origin, self.config)
        body = body_of(request)
        if body is None:
            return sent  # only CloudFront has all of it
        endpoint, target, headers = proxied(sent)
        try:
            answer = self.client.send(
                endpoint,
                request["method"],
                target,
                headers,
                body,
                deadline=Deadline(self.config.deadlines.attempt),
                answer_bytes_max=ANSWER_BYTES_MAX,
                again=True,
            )
        except Unanswered as error:
            failure: str | None = str(error)
        else:
            failure = _failure(answer.status)
            if failure is None:
                self._observe(request, chosen.origin, None)
                return _given(answer, chosen.origin, request["method"]) or sent
        self._observe(request, chosen.origin, failure)
        logger.warning(
            "request %s: %s failed (%s), %s answers",
            request_id,
            chosen.origin.value,
            failure,
            chosen.fallback.value,
        )
        return forwarded(request, chosen.fallback, self.config)

    def _observe(self, request: CfRequest, origin: Origin, failure: str | None) -> None:
        self.suspicion.note(origin, failed=failure is not None, at=self.now())
        self.reports.note(origin, request.get("clientIp") or "", _key(request), failure)

    def _override(self, request: CfRequest, secrets: Secrets) -> Origin | None:
        value = only_value(request["headers"], OVERRIDE)
        return None if value is None else verify_override(value, self.now(), [secrets.aws])


def _given(answer: HttpAnswer, origin: Origin, method: str) -> CfResponse | None:
    """The origin's answer as the function's; None where it is too large for that."""
    if not answer.complete:
        return None
    headers = [pair for pair in answer.headers if pair[0].lower() != SERVED_BY]
    try:
        return generated(answer.status, [*headers, (SERVED_BY, origin.value)], answer.body, method=method)
    except GeneratedAnswerTooLarge:
        return None


def _failure(status: int) -> str | None:
    return f"status {status}" if status >= 500 else None


def _client(request: CfRequest) -> str:
    return _key(request) or request.get("clientIp") or ""


def _key(request: CfRequest) -> str:
    headers = request["headers"]
    return only_value(headers, "authorization") or only_value(headers, "x-api-key") or ""
