"""The status: what probes found and operators say, for everybody; and nothing made up where nobody looked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from fastapi import FastAPI

from quartzdb.domain.errors import Conflict, InvalidArgument, NotFound, Unavailable
from quartzdb.routing.decision.state import Mode, Origin, RoutingState
from quartzdb.routing.decision.window import Probe, Reason
from quartzdb.routing.probe.history import ProbeHistory
from quartzdb_platform.adapters.probed_origins import ProbedOrigins
from quartzdb_platform.adapters.sqlite_documents import SqliteDocuments
from quartzdb_platform.cli.command import platform as platform_command
from quartzdb_platform.console.app import add_console
from quartzdb_platform.domain.availability import SERVICE, Looks, Observed
from quartzdb_platform.domain.calendar import DAY_MS, day_of
from quartzdb_platform.local_platform import PLATFORM_FILE
from quartzdb_platform.status.incidents import Incidents
from quartzdb_platform.status.own_probe import OwnProbe
from quartzdb_platform.status.report import FRESH_SECONDS, StatusReports
from tests.doubles.memory_origin_states import MemoryOriginStates
from tests.manual_clock import ManualClock
from tests.platform.conftest import Site

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def page(site: Site) -> Callable[[str], str]:
    """A page of the console, asked for by nobody."""
    assert isinstance(site.http.app, FastAPI)
    add_console(site.http.app)

    def get(path: str) -> str:
        site.clock.seconds += FRESH_SECONDS
        answer = site.http.get(f"/platform{path}")
        assert answer.status_code == 200
        assert answer.headers["cache-control"].startswith("public, max-age=30")
        assert "set-cookie" not in answer.headers
        return answer.text

    return get


def test_a_deployment_that_nobody_looked_at_knows_nothing(site: Site, page: Callable[[str], str]) -> None:
    """No day is 100 %, and the service is not well: it is not known."""
    answer = site.http.get("/platform/v1/status")
    status = answer.json()
    assert answer.headers["cache-control"].startswith("public")
    assert (status["active"], status["origins"]) == (
        "database",
        [{"name": "database", "well": None, "looked_at": None}],
    )
    (service,) = status["availability"]
    assert (service["share"], len(service["days"])) == (None, 90)
    assert {(day["ok"], day["share"]) for day in service["days"]} == {(None, None)}
    assert "100" not in page("/status").partition("<main")[2]


def test_one_machine_is_looked_at_each_minute(site: Site, page: Callable[[str], str]) -> None:
    """By day; a day on which it was off is unknown; and what was seen long ago says nothing of now."""
    for _ in range(3):
        site.platform.upkeep.run_due()
        site.clock.seconds += 60
    site.clock.seconds += 2 * DAY_MS / 1_000
    site.platform.upkeep.run_due()
    status = site.http.get("/platform/v1/status").json()
    (service,) = status["availability"]
    assert [(day["ok"], day["failed"]) for day in service["days"][-3:]] == [(3, 0), (None, None), (1, 0)]
    assert (service["share"], status["origins"][0]["well"]) == (1.0, True)
    assert "The database answers" in page("/status")
    site.clock.seconds += 3_600
    assert "is not known just now" in page("/status")


def test_a_look_that_fails_is_kept_as_one(tmp_path: Path, clock: ManualClock) -> None:
    """And shown as trouble."""

    def look() -> None:
        raise Unavailable("The disk is gone.")

    with SqliteDocuments(tmp_path / "platform.db") as table:
        probe = OwnProbe(table, clock, "database", look)
        assert probe.probe(clock.unix_ms()) is False
        seen = probe.read()
    assert seen.origins[0].well is False
    assert seen.days[day_of(clock.unix_ms())][SERVICE] == Looks(0, 1)


def test_two_sites_are_shown_as_the_health_probe_kept_them(clock: ManualClock) -> None:
    """Who is active, each by day, the lag and the switches, the newest first."""
    states = MemoryOriginStates()
    first = RoutingState(1, 1, Origin.CLOUDFLARE, Mode.DIRECT, 1_000, "first")
    second = RoutingState(2, 2, Origin.AWS, Mode.FAILED_OVER, 2_000, "three probes failed")
    history = ProbeHistory(states, clock)
    for state in (first, second):
        assert states.replace(state)
        now = clock.unix_ms()
        failed = Probe(False, now, 10, Reason.TIMEOUT)
        history.note({Origin.AWS: Probe(True, now, 10), Origin.CLOUDFLARE: failed}, state)
    history.store(1_500)
    states.write_history("2020-01-01", b"damaged")
    seen = ProbedOrigins(states, clock).read()
    assert (seen.active, seen.mode, seen.lag_ms) == ("aws", "failed_over", 1_500)
    assert seen.days == {
        day_of(clock.unix_ms()): {"aws": Looks(2, 0), "cloudflare": Looks(0, 2), SERVICE: Looks(1, 1)}
    }
    assert [(one.active, one.reason) for one in seen.switches] == [("aws", "three probes failed")]
    assert [one.well for one in seen.origins] == [None, None], "its memory has no window of them"


class Source:
    """StatusSource that can break."""

    def __init__(self) -> None:
        self.broken = False
        self.asked = 0

    def read(self) -> Observed:
        self.asked += 1
        if self.broken:
            raise Unavailable("The table could not be reached.")
        return Observed([], active="aws")


def test_what_cannot_be_read_is_shown_as_it_was_and_said_to_be_old(site: Site) -> None:
    """Read at most twice a minute, whoever asks how often."""
    source, clock = Source(), site.clock
    reports = StatusReports(source, Incidents(site.table, clock), clock)
    source.broken = True
    assert (reports.latest().observed, reports.latest().stale, source.asked) == (None, True, 1)
    source.broken = False
    clock.seconds += FRESH_SECONDS
    read_at_ms = reports.latest().read_at_ms
    source.broken = True
    clock.seconds += FRESH_SECONDS
    later = reports.latest()
    assert later.observed == Observed([], active="aws")
    assert (later.stale, later.read_at_ms) == (True, read_at_ms)


def test_an_incident_is_told_until_it_is_over(site: Site, page: Callable[[str], str]) -> None:
    """On the page, in the API and in the feed, which is one that readers take."""
    incidents = Incidents(site.table, site.clock)
    made = incidents.open("Searches <are> slow", "We look into it.")
    site.clock.seconds += 60
    incidents.update(made.id, "Found it.")
    text = page("/status")
    assert "There is an incident" in text
    assert "Searches &lt;are&gt; slow" in text
    assert text.index("Found it.") < text.index("We look into it.")
    site.clock.seconds += 60
    incidents.close(made.id, "It is over.")
    assert "What goes on" not in page("/status")
    (told,) = site.http.get("/platform/v1/status").json()["incidents"]
    assert (told["title"], len(told["notes"]), told["closed_at"] is None) == ("Searches <are> slow", 3, False)
    feed = ElementTree.fromstring(page("/status/feed").encode())
    assert feed.tag == f"{ATOM}feed"
    for required in ("id", "title", "updated", "author"):
        assert len(feed.findall(f"{ATOM}{required}")) == 1, required
    (entry,) = feed.findall(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}id") == f"https://console.example.com/platform/status#{made.id}"
    assert entry.findtext(f"{ATOM}title") == "Searches <are> slow (closed)"
    assert entry.findtext(f"{ATOM}updated") == feed.findtext(f"{ATOM}updated")
    assert {link.get("rel") for link in feed.findall(f"{ATOM}link")} == {"self", "alternate"}


def test_an_incident_that_makes_no_sense_is_refused(site: Site) -> None:
    """With what is wrong; one that is over stays over."""
    incidents = Incidents(site.table, site.clock)
    with pytest.raises(InvalidArgument):
        incidents.open(" ", "text")
    with pytest.raises(InvalidArgument):
        incidents.open("title", "x" * 2_001)
    with pytest.raises(NotFound):
        incidents.update("inc_none", "text")
    made = incidents.open("title", "text")
    incidents.close(made.id, "over")
    with pytest.raises(Conflict):
        incidents.update(made.id, "more")


def test_the_operator_says_it_by_a_command(tmp_path: Path) -> None:
    """Beside a server that runs, or none."""
    runner = CliRunner()

    def run(*arguments: str) -> dict[str, object]:
        asked = runner.invoke(
            platform_command,
            ["incident", *arguments, "--data-dir", str(tmp_path), "--json"],
            standalone_mode=False,
        )
        if asked.exception is not None:
            raise asked.exception
        document: dict[str, object] = json.loads(asked.stdout)
        return document

    with SqliteDocuments(tmp_path / PLATFORM_FILE):
        pass
    made = run("open", "Searches are slow", "--text", "We look into it.")
    assert made["closed_at"] is None
    run("update", str(made["id"]), "--text", "Found it.")
    assert run("close", str(made["id"]), "--text", "Over.")["closed_at"] is not None
    listed = run("list")["incidents"]
    assert isinstance(listed, list)
    assert [one["id"] for one in listed] == [made["id"]]
