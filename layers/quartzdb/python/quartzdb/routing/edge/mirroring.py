"""A write at a peer without a feed: the router sends it, so that it sees whether it is taken, and tells the other site.

The order is: sent, accepted, queued, answered. Where the queue cannot be had, the client hears 503: the peer has the
write and the other site has not, so the client must send it again, which is harmless because writes there replace.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from quartzdb.net.hard_deadline import Deadline
from quartzdb.net.http_client import HttpClient, Unanswered
from quartzdb.routing.decision.edge_config import EdgeConfig
from quartzdb.routing.decision.state import Origin
from quartzdb.routing.edge.cloudfront_event import CfRequest, beginning_of_body, body_of
from quartzdb.routing.edge.forwarding import SERVED_BY, forwarded, proxied
from quartzdb.routing.edge.generated_answer import (
    ANSWER_BYTES_MAX,
    GeneratedAnswerTooLarge,
    generated,
    refusal,
)
from quartzdb.routing.edge.mirrored_writes import MirroredWrites, Unnamed, Write
from quartzdb.routing.edge.queue_client import NotQueued

logger = logging.getLogger(__name__)

Observe = Callable[[Origin, str | None], None]
"""What became of the request at an origin: None, or what was wrong."""
_AGAIN = "It may have happened; send it again, which is harmless."
_PEER = Origin.CLOUDFLARE


class Mirroring:
    """Writes to the peer."""

    def __init__(self, config: EdgeConfig, client: HttpClient, writes: MirroredWrites) -> None:
        self._config = config
        self._client = client
        self._writes = writes

    def write(self, request: CfRequest, request_id: str, observe: Observe) -> dict[str, Any]:
        """The answer; or the request, for CloudFront to send, where only CloudFront has all of its body."""
        about = (request["method"], request["uri"], request_id)
        body = body_of(request)
        beginning = beginning_of_body(request) if body is None else b""
        write = Write(request_id, request["method"], request["uri"], body, beginning)
        try:
            self._writes.check(write)
        except Unnamed:
            return refusal(
                413,
                "body_too_large",
                "What this write changes does not show in the first MB of it.",
                "Put `key` or `id` first, or send batches of less than 1 MB.",
                request=about,
            )
        sent = forwarded(request, _PEER, self._config)
        if body is None:
            return self._sent_by_cloudfront(write, sent, about)
        endpoint, target, headers = proxied(sent)
        try:
            answer = self._client.send(
                endpoint,
                request["method"],
                target,
                headers,
                body,
                deadline=Deadline(self._config.deadlines.write),
                answer_bytes_max=ANSWER_BYTES_MAX,
                again=False,
            )
        except Unanswered as error:
            observe(_PEER, str(error))
            return self._unanswered(write, error, about)
        observe(_PEER, f"status {answer.status}" if answer.status >= 500 else None)
        if answer.status >= 500:
            # It says that it failed, not that nothing was written.
            self._tell_if_possible(write)
        elif 200 <= answer.status < 300 and not self._told(write):
            return refusal(503, "unavailable", "The write is not at every site yet.", _AGAIN, request=about)
        headers = [pair for pair in answer.headers if pair[0].lower() != SERVED_BY]
        try:
            if not answer.complete:
                raise GeneratedAnswerTooLarge
            return generated(
                answer.status, [*headers, (SERVED_BY, _PEER.value)], answer.body, method=request["method"]
            )
        except GeneratedAnswerTooLarge:
            return refusal(502, "unavailable", "The answer to the write is too large.", _AGAIN, request=about)

    def _sent_by_cloudfront(
        self, write: Write, sent: CfRequest, about: tuple[str, str, str]
    ) -> dict[str, Any]:
        # Told before it is sent, and late enough for the value to be there when it is looked up.
        try:
            self._writes.uncertain(write, Deadline(self._config.deadlines.queue))
        except NotQueued as error:
            logger.error("request %s: not sent, the mirror queue took nothing: %s", write.request_id, error)
            return refusal(
                503, "unavailable", "The write was not done.", "Send it again in a moment.", request=about
            )
        return sent

    def _unanswered(self, write: Write, error: Unanswered, about: tuple[str, str, str]) -> dict[str, Any]:
        logger.warning("request %s: %s did not answer a write: %s", write.request_id, _PEER.value, error)
        if not error.sent:
            return refusal(
                503, "unavailable", "The write was not done.", "Send it again in a moment.", request=about
            )
        self._tell_if_possible(write)
        return refusal(503, "unavailable", "The write was not answered.", _AGAIN, request=about)

    def _told(self, write: Write) -> bool:
        try:
            self._writes.accepted(write, Deadline(self._config.deadlines.queue))
        except NotQueued as error:
            logger.error(
                "request %s: accepted by %s and not mirrored: %s", write.request_id, _PEER.value, error
            )
            return False
        return True

    def _tell_if_possible(self, write: Write) -> None:
        """Of a write whose fate is not known. The client was promised nothing, so that is as far as it goes."""
        try:
            self._writes.uncertain(write, Deadline(self._config.deadlines.queue))
        except NotQueued as error:
            logger.error("request %s: of unknown fate and not mirrored: %s", write.request_id, error)
