"""Whether several clients fail at an origin, by what the edge reported. Pure.

HAZARD: a client decides what it sends and so which of its requests fail, and it can make up any number of keys. So its
requests never add up: it is counted once, and only together with others, at other addresses, that fail too.
"""

from __future__ import annotations

from collections.abc import Iterable

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
        for row in report.rows:
            # Of two at one moment the bad one, so that their order does not matter.
            before = rows.get(row.client, (-1, False))
            rows[row.client] = max(before, (report.at_ms, fresh and row.fails))
    failing = [client for client, (_, fails) in rows.items() if fails]
    addresses = [len({client.address for client in failing}), len({client.address for client in rows})]
    keys = [len({client.key for client in failing}), len({client.key for client in rows})]
    # Only what has a row is known to be somebody: of the others any number may be one client's inventions.
    distinct = min(addresses[0], keys[0])
    for report in latest.values():
        fresh = abs(now_ms - report.at_ms) <= rules.passive_failure_ms
        addresses[0] += report.others.failing_addresses * fresh
        addresses[1] += report.others.addresses
        keys[0] += report.others.failing_keys * fresh
        keys[1] += report.others.keys
    most = all(100 * bad >= rules.passive_percent * of for bad, of in (addresses, keys))
    if distinct < rules.passive_clients_min or not most:
        return None
    return f"clients fail at {addresses[0]} of {addresses[1]} addresses: {reason[1]}"
