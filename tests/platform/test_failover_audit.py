"""Switches between clouds are in every chain of an organization that there was: each once, whoever is cut short."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from quartzdb.domain.errors import Unavailable
from quartzdb_platform.accounts.directory import all_of
from quartzdb_platform.audit.failovers import FailoverAudit
from quartzdb_platform.domain.availability import Observed, Switched
from quartzdb_platform.ports import Change
from tests.platform.conftest import Person, Site


class Switches:
    """A StatusSource of nothing but switches."""

    def __init__(self) -> None:
        self.known: list[Switched] = []

    def read(self) -> Observed:
        return Observed([], switches=self.known[::-1])


def failover_audit(site: Site, switches: Switches) -> FailoverAudit:
    return FailoverAudit(
        site.table,
        site.platform.audit,
        switches,
        lambda: ((one.id, one.created_at_ms) for one in all_of(site.table)),
    )


def told(owner: Person, organization: str) -> list[tuple[str, str | None]]:
    """The oldest first."""
    events = owner.must("GET", f"/organizations/{organization}/audit?action=origin.")
    return [(one["target"], one["outcome"]) for one in reversed(events)]


def test_each_switch_is_told_once_to_those_that_there_were(site: Site) -> None:
    switches = Switches()
    failovers = failover_audit(site, switches)
    ada, bob = site.person("ada@example.com"), site.person("bob@example.com")
    first = site.organization(ada)
    site.clock.seconds += 10
    switches.known.append(Switched(site.clock.unix_ms(), "aws", "cloudflare failed 5 of 5"))
    site.clock.seconds += 10
    second = site.organization(bob)
    assert failovers.run(site.clock.unix_ms()) == 1
    assert failovers.run(site.clock.unix_ms()) == 0
    site.clock.seconds += 10
    switches.known.append(Switched(site.clock.unix_ms(), "cloudflare", "held down"))
    assert failovers.run(site.clock.unix_ms()) == 2
    assert told(ada, first) == [("aws", "cloudflare failed 5 of 5"), ("cloudflare", "held down")]
    assert told(bob, second) == [("cloudflare", "held down")]
    assert ada.must("GET", f"/organizations/{first}/audit/verify")["whole"]


def test_what_was_cut_short_is_gone_on_with(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the store went away: nobody is told twice, and nobody is left out."""
    switches = Switches()
    failovers = failover_audit(site, switches)
    owners = [site.person(f"p{number}@example.com") for number in range(3)]
    organizations = [site.organization(owner) for owner in owners]
    site.clock.seconds += 10
    switches.known += [Switched(site.clock.unix_ms() + step, "aws", "why") for step in range(2)]
    whole = site.table.transact
    for good in range(4):
        left = good

        def transact(changes: Sequence[Change]) -> bool:
            nonlocal left
            if left == 0:
                raise Unavailable("The store is away.")
            left -= 1
            return whole(changes)

        monkeypatch.setattr(site.table, "transact", transact)
        with pytest.raises(Unavailable):
            failovers.run(site.clock.unix_ms())
        monkeypatch.setattr(site.table, "transact", whole)
    failovers.run(site.clock.unix_ms())
    for owner, organization in zip(owners, organizations, strict=True):
        assert told(owner, organization) == [("aws", "why")] * 2
