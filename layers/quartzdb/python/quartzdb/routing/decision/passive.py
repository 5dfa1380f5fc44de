"""What the edge reports of the requests that it sent: how many an origin failed. Owns the form of a report.

It comes from many edge locations through a queue, so it is late, comes twice, and is believed within bounds only.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quartzdb.routing.decision.rules import Rules
from quartzdb.routing.decision.state import Origin
from quartzdb.routing.decision.window import Probe, Reason

logger = logging.getLogger(__name__)

REPORT_BYTES_MAX = 4_096
REASON_LENGTH_MAX = 200
_COUNT_MAX = 1_000_000_000
_TIME_MAX = 1 << 53


class InvalidReport(ValueError):
    """A message is no report. It is dropped."""


@dataclass(frozen=True, slots=True)
class PassiveReport:
    """Of `requests` that one edge location sent to an origin until `at_ms` (unix), how many failed, and why the latest.

    Raises InvalidReport for what cannot be.
    """

    origin: Origin
    at_ms: int
    failures: int
    requests: int
    reason: str

    def __post_init__(self) -> None:
        if not 0 <= self.failures <= self.requests <= _COUNT_MAX or not 0 <= self.at_ms <= _TIME_MAX:
            raise InvalidReport("a report of more failures than requests, or of no possible time")
        if len(self.reason) > REASON_LENGTH_MAX:
            raise InvalidReport(f"a reason beyond {REASON_LENGTH_MAX} characters")


def encode_report(report: PassiveReport) -> str:
    """As the JSON that is the message."""
    return json.dumps(
        {
            "origin": report.origin.value,
            "at_ms": report.at_ms,
            "failures": report.failures,
            "requests": report.requests,
            "reason": report.reason,
        },
        separators=(",", ":"),
    )


def decode_report(text: str) -> PassiveReport:
    """Read it back. Raises InvalidReport."""
    if len(text) > REPORT_BYTES_MAX:
        raise InvalidReport(f"a report beyond {REPORT_BYTES_MAX} bytes")
    try:
        document = json.loads(text)
        at_ms, failures, requests = (document[name] for name in ("at_ms", "failures", "requests"))
        if {type(at_ms), type(failures), type(requests)} != {int} or not isinstance(document["reason"], str):
            raise InvalidReport("a report with fields of other types")
        return PassiveReport(Origin(document["origin"]), at_ms, failures, requests, document["reason"])
    except InvalidReport:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidReport(f"not a report: {error}") from error


def read_reports(messages: Sequence[str]) -> list[PassiveReport]:
    """The reports among the messages; what is none is dropped, and said so."""
    reports = []
    for message in messages:
        try:
            reports.append(decode_report(message))
        except InvalidReport as error:
            # Not what it says: whoever can write to the queue could write into our logs.
            logger.warning(
                "a message of %d characters is no report of the edge: %s", len(message), type(error).__name__
            )
    return reports


def counted(reports: Iterable[PassiveReport], origin: Origin, now_ms: int, rules: Rules) -> Probe | None:
    """What all reports since the last look say against an origin, as one probe; None where that is not enough.

    One and no more, however many locations report: users' failures alone open a breaker by their share over a while,
    never by their number at a moment.
    """
    recent = [
        report
        for report in reports
        if report.origin is origin and abs(now_ms - report.at_ms) <= rules.window_age_ms_max
    ]
    failures = sum(report.failures for report in recent)
    requests = sum(report.requests for report in recent)
    if failures < rules.passive_failures_min or 100 * failures < rules.passive_percent * requests:
        return None
    return Probe(ok=False, at_ms=now_ms, latency_ms=0, reason=Reason.PASSIVE, passive=True)
