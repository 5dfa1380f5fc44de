"""Whether several clients fail at an origin, by what the edge reported. Pure.

HAZARD: a client decides what it sends and so which of its requests fail, and it can make up any number of keys. So its
requests never add up: it is counted once, and only together with others, at other addresses, that fail too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from quartzdb.routing.decision.client_marks import Client
from quartzdb.routing.decision.passive import PassiveReport
from quartzdb.routing.decision.rules import Rules
from quartzdb.routing.decision.state import Origin


def trouble_of_clients(
    reports: Iterable[PassiveReport], origin: Origin, now_ms: int, rules: Rules
) -> str | None:
    """In a few words, that several clients fail there; None where that cannot be said.

    Of each client the latest report decides, and of each sender the latest about those without a row. A failure counts
    for `passive_failure_ms`; whoever was seen within the window's age is somebody who might have failed.
    """
    rows: dict[Client, tuple[int, bool]] = {}
    latest: dict[str, PassiveReport] = {}
    reason = (-1, "")
    for report in reports:
        if report.origin is not origin or abs(now_ms - report.at_ms) > rules.window_age_ms_max:
            continue
        if report.sender not in latest or latest[report.sender].at_ms < report.at_ms:
            latest[report.sender] = report
        if report.reason:
            reason = max(reason, (report.at_ms, report.reason))
        fresh = abs(now_ms - report.at_ms) <= rules.passive_failure_ms
        for client, requests, failures in report.rows:
            # A failure among many good requests is an accident, or an odd request.
            fails = fresh and failures > 0 and 100 * failures >= rules.suspect_percent * requests
            # Of two at one moment the bad one, so that their order does not matter.
            rows[client] = max(rows.get(client, (-1, False)), (report.at_ms, fails))
    failing = [client for client, (_, fails) in rows.items() if fails]
    unlisted = [(report.others, _others_fail(report, now_ms, rules)) for report in latest.values()]
    addresses = _share(
        {client.address for client in failing},
        {client.address for client in rows},
        [(others.addresses, fail) for others, fail in unlisted],
    )
    keys = _share(
        {client.key for client in failing},
        {client.key for client in rows},
        [(others.keys, fail) for others, fail in unlisted],
    )
    # Only what has a row is known to be somebody: of the others any number may be one client's inventions.
    distinct = min(len({client.address for client in failing}), len({client.key for client in failing}))
    most = all(100 * bad >= rules.passive_percent * of for bad, of in (addresses, keys))
    if distinct < rules.passive_clients_min or not most:
        return None
    return f"clients fail at {addresses[0]} of {addresses[1]} addresses: {reason[1]}"


def _others_fail(report: PassiveReport, now_ms: int, rules: Rules) -> bool:
    """Whether those without a row fail: most of their requests."""
    fresh = abs(now_ms - report.at_ms) <= rules.passive_failure_ms
    _, _, requests, failures = report.others
    return fresh and failures > 0 and 100 * failures >= rules.passive_percent * requests


def _share(
    failing: Collection[str], known: Collection[str], unlisted: Iterable[tuple[int, bool]]
) -> tuple[int, int]:
    """How many fail, of how many."""
    counts = list(unlisted)
    bad = len(failing) + sum(count for count, fail in counts if fail)
    return bad, len(known) + sum(count for count, _ in counts)
