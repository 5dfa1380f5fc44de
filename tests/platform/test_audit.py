"""The audit chain: any edit, deletion, insertion or reordering is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quartzdb_platform.domain.audit_event import GENESIS, AuditEvent, broken_at
from tests.platform.conftest import Site

Chain = list[AuditEvent]


def chain(length: int) -> Chain:
    events: Chain = []
    for number in range(length):
        previous = events[-1].hash if events else GENESIS
        events.append(
            AuditEvent(
                number + 1, 1_000 + number, "usr_a", "key.create", f"k{number}", "192.0.2.1", previous
            ).sealed()
        )
    return events


def head(events: Chain) -> tuple[int, str]:
    return (events[-1].sequence, events[-1].hash) if events else (0, GENESIS)


def edited(events: Chain, at: int) -> Chain:
    return [replace(one, target="another") if n == at else one for n, one in enumerate(events)]


def edited_and_sealed(events: Chain, at: int) -> Chain:
    return [replace(one, actor="usr_b").sealed() if n == at else one for n, one in enumerate(events)]


def without(events: Chain, at: int) -> Chain:
    return events[:at] + events[at + 1 :]


def swapped(events: Chain, at: int) -> Chain:
    other = (at + 1) % len(events)
    changed = list(events)
    changed[at], changed[other] = changed[other], changed[at]
    return changed


def doubled(events: Chain, at: int) -> Chain:
    return [*events[: at + 1], *events[at:]]


@given(
    length=st.integers(2, 20),
    data=st.data(),
    change=st.sampled_from([edited, edited_and_sealed, without, swapped, doubled]),
)
def test_any_change_is_found(length: int, data: st.DataObject, change: Callable[[Chain, int], Chain]) -> None:
    """Wherever it was made; also by who seals the event they changed."""
    events = chain(length)
    assert broken_at(events, head(events)) is None
    at = data.draw(st.integers(0, length - 1))
    assert broken_at(change(events, at), head(events)) is not None


def test_an_end_that_was_cut_off_is_found() -> None:
    """What is left is whole in itself, but more was written."""
    events = chain(3)
    assert broken_at(events[:2], head(events)) is not None
    assert broken_at([], head(events)) is not None
    assert broken_at([], (0, GENESIS)) is None


@pytest.mark.parametrize(
    "statement",
    [
        "SET body = replace(body, 'organization.create', 'organization.rename')",
        "SET sk = 'audit#000000000009' ",
    ],
)
def test_what_is_done_to_the_table_is_found(site: Site, statement: str) -> None:
    """Through the API that verifies."""
    owner = site.person("owner@example.com")
    organization = site.organization(owner)
    owner.must("POST", f"/organizations/{organization}/projects", {"name": "engine"})
    path = f"/organizations/{organization}/audit"
    assert owner.must("GET", f"{path}/verify") == {"whole": True, "broken_at": None}
    site.table._connection.execute(f"UPDATE documents {statement} WHERE sk = 'audit#000000000001'")
    verified = owner.must("GET", f"{path}/verify")
    assert not verified["whole"]
    assert "Event 1 " in verified["broken_at"]


def test_events_are_read_page_by_page(site: Site) -> None:
    """The newest first, each once."""
    owner = site.person("owner@example.com")
    organization = site.organization(owner)
    for number in range(6):
        owner.must("PATCH", f"/organizations/{organization}", {"name": f"Name {number}"})
    path, seen, before = f"/organizations/{organization}/audit?limit=3", [], ""
    while page := owner.must("GET", path + before):
        seen += [event["sequence"] for event in page]
        before = f"&before={seen[-1]}"
    assert seen == [7, 6, 5, 4, 3, 2, 1]
