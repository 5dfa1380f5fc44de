"""What this instance saw of the origins, told to the probe every few seconds and only where something failed."""

from __future__ import annotations

import logging
from collections.abc import Callable

from quartzdb.net.hard_deadline import Deadline
from quartzdb.routing.decision.passive import REASON_LENGTH_MAX, PassiveReport, encode_report
from quartzdb.routing.decision.state import Origin
from quartzdb.routing.edge.queue_client import EdgeQueueClient, NotQueued

logger = logging.getLogger(__name__)

EVERY_SECONDS = 5.0


class PassiveReportSender:
    """Counts, and sends. A report that cannot be sent is counted into the next. `now` is unix seconds."""

    def __init__(
        self,
        queue: EdgeQueueClient | None,
        queue_url: str | None,
        *,
        now: Callable[[], float],
        seconds: float,
    ) -> None:
        self._queue = queue
        self._queue_url = queue_url
        self._now = now
        self._seconds = seconds
        self._sent_at = float("-inf")
        self._since = float("-inf")
        self._requests = dict.fromkeys(Origin, 0)
        self._failures = dict.fromkeys(Origin, 0)
        self._reasons = dict.fromkeys(Origin, "")

    def note(self, origin: Origin, failure: str | None) -> None:
        """One answer; `failure` says what was wrong with it."""
        now = self._now()
        if not any(self._failures.values()) and not 0 <= now - self._since < EVERY_SECONDS:
            # A failure is reported with the requests around it, not with those of a good hour before.
            self._since = now
            self._requests = dict.fromkeys(Origin, 0)
        self._requests[origin] += 1
        if failure is not None:
            self._failures[origin] += 1
            self._reasons[origin] = failure[:REASON_LENGTH_MAX]

    def send_if_due(self) -> None:
        """Send what there is to tell, if the last time is long enough ago."""
        now = self._now()
        if self._queue is None or self._queue_url is None or not any(self._failures.values()):
            return
        if 0 <= now - self._sent_at < EVERY_SECONDS:
            return
        self._sent_at = now
        deadline = Deadline(self._seconds)
        for origin in [each for each in Origin if self._failures[each]]:
            report = PassiveReport(
                origin,
                int(now * 1000),
                self._failures[origin],
                self._requests[origin],
                self._reasons[origin],
            )
            try:
                self._queue.send(self._queue_url, [encode_report(report)], deadline)
            except (NotQueued, TimeoutError) as error:
                logger.warning("what was seen of %s could not be reported: %s", origin.value, error)
                return
            self._requests[origin] = self._failures[origin] = 0
