"""What this instance saw of the origins, told to the probe: soon where something fails, and else now and then.

That all is well is told too, or a few clients that fail would look like everybody. It is told beside a request, by a
thread, and may get lost; that something fails is told before an answer, since the instance may be frozen after it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from quartzdb.net.hard_deadline import Deadline
from quartzdb.routing.decision.client_counts import ClientCounts
from quartzdb.routing.decision.client_marks import ClientMarks
from quartzdb.routing.decision.passive import PassiveReport, encode_report
from quartzdb.routing.decision.state import Origin
from quartzdb.routing.decision.state_cache import in_thread
from quartzdb.routing.edge.queue_client import EdgeQueueClient, NotQueued

logger = logging.getLogger(__name__)

FAILING_EVERY_SECONDS = 5.0
WELL_EVERY_SECONDS = 30.0


class PassiveReportSender:
    """Counts, and sends. Not thread-safe. `now` is unix seconds; `seconds` is how long sending may take.

    `marks` has to learn the secret before anything is counted. `start` does something beside the request.
    """

    def __init__(
        self,
        queue: EdgeQueueClient | None,
        queue_url: str | None,
        *,
        now: Callable[[], float],
        seconds: float,
        sender: str,
        start: Callable[[Callable[[], None]], None] = in_thread,
    ) -> None:
        self.marks = ClientMarks()
        self._queue = queue
        self._queue_url = queue_url
        self._now = now
        self._seconds = seconds
        self._sender = sender
        self._start = start
        self._counts = {origin: ClientCounts() for origin in Origin}
        self._failing_sent_at = float("-inf")
        self._sent_at = now()

    def note(self, origin: Origin, address: str, key: str, failure: str | None) -> None:
        """One answer to a client; `failure` says what was wrong with it."""
        if self._queue is None or self._queue_url is None:
            return
        now = self._now()
        client = self.marks.mark(address, key, now)
        if client is not None:
            self._counts[origin].note(client, failure, now)

    def send_if_due(self) -> None:
        """Send what there is to tell, if the last time is long enough ago."""
        now = self._now()
        failing = any(counts.failing(now) for counts in self._counts.values())
        if failing:
            if 0 <= now - self._failing_sent_at < FAILING_EVERY_SECONDS:
                return
            self._failing_sent_at = now
        elif 0 <= now - self._sent_at < WELL_EVERY_SECONDS:
            return
        self._sent_at = now
        seen = (counts.report(origin, self._sender, now) for origin, counts in self._counts.items())
        reports = [report for report in seen if report is not None]
        if not reports:
            return
        if failing:
            self._send(reports)
        else:
            self._start(lambda: self._send(reports))

    def _send(self, reports: list[PassiveReport]) -> None:
        if self._queue is None or self._queue_url is None:
            return
        try:
            messages = [encode_report(report) for report in reports]
            self._queue.send(self._queue_url, messages, Deadline(self._seconds))
        except (NotQueued, TimeoutError) as error:
            # Not made up for: what was seen is told anew in a few seconds, or is over.
            logger.warning("what was seen of the origins could not be reported: %s", error)
