"""The contract of OriginProbe: the one that tests script, and the one over HTTP, of origins behind a proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.faults import Fault, Kind, fault_proxy
from quartzdb.adapters.embedded.sqlite_api_keys import SqliteApiKeys
from quartzdb.adapters.embedded.sqlite_database import SqliteDatabase
from quartzdb.adapters.http.http_probe import HttpProbe, ProbedOrigin
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.api.app import create_app
from quartzdb.domain.errors import Unavailable
from quartzdb.net.address import Address
from quartzdb.net.endpoint import endpoint_of
from quartzdb.routing.decision.state import Origin
from quartzdb.routing.decision.window import Reason
from quartzdb.routing.ports import OriginProbe
from quartzdb.routing.probe.canary import CANARY_TENANT, CanaryKey, canary_key
from quartzdb.services.ports import ApiKeyTable
from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded
from tests.doubles.memory_api_keys import MemoryApiKeys
from tests.doubles.scripted_probe import ScriptedProbe
from tests.http_server import serving
from tests.worker_site import give_keys, worker_site

CANARY_SECRET = "c" * 48
PATIENT_MS = 60_000
"""A busy machine is no outage here."""
SHORT_MS = 400
FAULTS: dict[Reason, Kind] = {
    Reason.REFUSED: "refuse",
    Reason.TIMEOUT: "blackhole",
    Reason.RESET: "reset",
    Reason.STATUS: "error_5xx",
    Reason.TRUNCATED: "truncated",
}


@dataclass(frozen=True)
class Probed:
    """An origin. `probe` looks at it within a deadline; `fails` has it fail from now on, or be well again (None).

    `forget` has the probe be without its key from now on: the secret behind it is another, or (None) not to be read.
    """

    probe: Callable[[int], OriginProbe]
    fails: Callable[[Reason | None], None]
    forget: Callable[[str | None], None]


@contextmanager
def scripted(_: Path) -> Iterator[Probed]:
    """What the tests of the loop use."""
    one = ScriptedProbe(SystemClock())

    def fails(reason: Reason | None) -> None:
        one.reason = reason

    def forget(_secret: str | None) -> None:
        one.unknown = True

    yield Probed(lambda _: one, fails, forget)


@contextmanager
def _over_http(url: str, keys: ApiKeyTable) -> Iterator[Probed]:
    secret: list[str | None] = [CANARY_SECRET]

    def read() -> str:
        if secret[0] is None:
            raise Unavailable("The secret could not be read.")
        return secret[0]

    with fault_proxy(Address(*endpoint_of(url)[1:], "http")) as proxy:
        address = f"http://127.0.0.1:{proxy.port}"
        key = CanaryKey(keys, SystemClock(), read)
        probed = ProbedOrigin(Origin.AWS, address, key.text, lambda: "")
        yield Probed(
            lambda deadline_ms: HttpProbe(probed, SystemClock(), deadline_ms=deadline_ms),
            lambda reason: proxy.set(Fault("none" if reason is None else FAULTS[reason])),
            lambda instead: secret.__setitem__(0, instead),
        )


@contextmanager
def embedded(folder: Path) -> Iterator[Probed]:
    """The server over SQLite."""
    database = open_embedded(EmbeddedSettings(folder / "embedded"))
    with SqliteDatabase(folder / "embedded" / "catalog.db") as file:
        keys = SqliteApiKeys(file)
        canary_key(keys, SystemClock(), CANARY_SECRET)
        with serving(create_app(database)) as url, _over_http(url, keys) as probed:
            yield probed


@contextmanager
def worker(folder: Path) -> Iterator[Probed]:
    """The reference Worker under workerd."""
    keys = MemoryApiKeys()
    canary_key(keys, SystemClock(), CANARY_SECRET)
    with worker_site(folder / "site") as site:
        give_keys(site.url, keys.list(CANARY_TENANT))
        with _over_http(site.url, keys) as probed:
            yield probed


@pytest.fixture(params=[scripted, embedded, worker], ids=lambda kind: kind.__name__)
def origin(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Probed]:
    with request.param(tmp_path) as probed:
        yield probed


def test_an_origin_that_is_well(origin: Probed) -> None:
    """Again and again; each outcome says when it was known and how long it took."""
    probe, clock = origin.probe(PATIENT_MS), SystemClock()
    for _ in range(3):
        begun = clock.unix_ms()
        found = probe.probe()
        assert (found.ok, found.reason) == (True, None)
        assert begun <= found.at_ms <= clock.unix_ms()
        assert found.latency_ms >= 0


@pytest.mark.parametrize("reason", FAULTS)
def test_an_origin_that_fails_is_a_probe_that_failed(origin: Probed, reason: Reason) -> None:
    """Whatever it does, the probe ends by itself and raises nothing; once the origin is well, so is the probe."""
    probe = origin.probe(SHORT_MS if reason is Reason.TIMEOUT else PATIENT_MS)
    origin.fails(reason)
    found = probe.probe()
    assert (found.ok, found.reason) == (False, reason)
    origin.fails(None)
    assert origin.probe(PATIENT_MS).probe().ok


@pytest.mark.parametrize("secret", [None, "short"])
def test_a_probe_without_its_key_knows_nothing_of_the_origin(origin: Probed, secret: str | None) -> None:
    """Which is no probe that failed: the origin was not asked, and must not be left for it."""
    probe = origin.probe(PATIENT_MS)
    origin.forget(secret)
    with pytest.raises(Unavailable):
        probe.probe()
