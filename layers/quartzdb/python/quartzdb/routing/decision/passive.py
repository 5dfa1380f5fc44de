"""What the edge reports of the requests that it sent: of each client, how many an origin failed. Owns a report's form.

It comes from many edge locations through a queue, so it is late, comes twice, and is believed within bounds only.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from quartzdb.routing.decision.client_marks import Client
from quartzdb.routing.decision.state import Origin

logger = logging.getLogger(__name__)

_FORMAT = 2
REPORT_BYTES_MAX = 4_096
REASON_LENGTH_MAX = 100
ROWS_MAX = 32
FAILING_PERCENT = 10
"""A client fails if as much of its requests does. Less is an accident, or an odd request among many good ones."""
_COUNT_MAX = 1_000_000_000
_TIME_MAX = 1 << 53
_MARK = re.compile(r"[0-9a-f]{16}", re.ASCII)


class InvalidReport(ValueError):
    """A message is no report. It is dropped."""


class ClientRow(NamedTuple):
    """Of how many requests of one client how many failed."""

    client: Client
    requests: int
    failures: int

    @property
    def fails(self) -> bool:
        """Whether it is a client that fails."""
        return self.failures > 0 and 100 * self.failures >= FAILING_PERCENT * self.requests


class Others(NamedTuple):
    """Clients for which there is no room: addresses and keys that are in no row, how many of those belong to clients
    that fail, and the requests of all of them.
    """

    addresses: int = 0
    failing_addresses: int = 0
    keys: int = 0
    failing_keys: int = 0
    requests: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class PassiveReport:
    """What one instance at the edge (`sender`, a mark of its own) saw of an origin in the seconds until `at_ms` (unix).

    `reason` says why the latest failed. Raises InvalidReport for what cannot be.
    """

    origin: Origin
    sender: str
    at_ms: int
    rows: tuple[ClientRow, ...]
    others: Others
    reason: str

    def __post_init__(self) -> None:
        rest = (self.others[:2], self.others[2:4], self.others[4:])
        counts = (*((row.requests, row.failures) for row in self.rows), *rest)
        if any(not 0 <= failures <= requests <= _COUNT_MAX for requests, failures in counts):
            raise InvalidReport(
                "a report of more failures than requests, or of more that fail than there are"
            )
        if not 0 <= self.at_ms <= _TIME_MAX:
            raise InvalidReport("a report of no possible time")
        if len(self.reason) > REASON_LENGTH_MAX:
            raise InvalidReport(f"a reason beyond {REASON_LENGTH_MAX} characters")
        if len(self.rows) > ROWS_MAX or len({row.client for row in self.rows}) < len(self.rows):
            raise InvalidReport(f"more than {ROWS_MAX} clients, or one of them twice")
        marks = [self.sender, *(mark for row in self.rows for mark in row.client)]
        if not all(_MARK.fullmatch(mark) for mark in marks):
            raise InvalidReport("a mark that is none")

    @property
    def requests(self) -> int:
        """Of all clients together."""
        return self.others.requests + sum(row.requests for row in self.rows)

    @property
    def failures(self) -> int:
        """Likewise."""
        return self.others.failures + sum(row.failures for row in self.rows)


def encode_report(report: PassiveReport) -> str:
    """As the JSON that is the message, `REPORT_BYTES_MAX` at most."""
    return json.dumps(
        {
            "format": _FORMAT,
            "origin": report.origin.value,
            "sender": report.sender,
            "at_ms": report.at_ms,
            "clients": [[*row.client, row.requests, row.failures] for row in report.rows],
            "others": report.others,
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
        if document["format"] != _FORMAT:
            raise InvalidReport("a report of another format")
        return PassiveReport(
            Origin(document["origin"]),
            _text(document["sender"]),
            _whole(document["at_ms"]),
            tuple(_row(row) for row in document["clients"]),
            _others(document["others"]),
            _text(document["reason"]),
        )
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


def _row(document: Any) -> ClientRow:
    address, key, requests, failures = document
    return ClientRow(Client(_text(address), _text(key)), _whole(requests), _whole(failures))


def _others(document: Any) -> Others:
    if len(document) != len(Others._fields):
        raise InvalidReport("counts are missing, or too many")
    return Others(*map(_whole, document))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidReport("text was expected")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise InvalidReport("a whole number was expected")
    return value
