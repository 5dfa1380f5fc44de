"""The failover drill in small: both clouds, the edge, a cloud that stops answering, and the way back."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from local import workerd
from local.clouds.client import Client
from local.clouds.clouds import Clouds, clouds
from local.drill.scenario import FAST_RULES, bars_of, hard_failure
from local.drill.timeline import Timeline
from local.faults import Fault
from quartzdb.routing.decision.state import Origin

pytestmark = pytest.mark.skipif(
    workerd.binary() is None,
    reason="workerd is not installed; `make test-deployment` installs it where there is npm",
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clouds]:
    with clouds(tmp_path_factory.mktemp("clouds"), rules=FAST_RULES) as started:
        started.wait_until_serving()
        yield started


def test_one_key_and_one_endpoint_reach_both_clouds(running: Clouds) -> None:
    """The primary answers what it serves, AWS everything else; what one site took is at the other."""
    with Client(running.edge_url, {"Authorization": f"Bearer {running.key}"}) as client:
        put = client.send("POST", "/api/put", {"key": "here", "value": "and there"})
        described = client.send("GET", "/v1/namespaces/default")
    assert (put.status, put.headers["x-quartzdb-served-by"]) == (200, Origin.CLOUDFLARE)
    assert (described.status, described.headers["x-quartzdb-served-by"]) == (200, Origin.AWS)


def test_a_cloud_that_stops_answering_costs_no_acknowledged_write(running: Clouds) -> None:
    """Clients are moved to the other one and back, and in the end both sites have all that anybody was promised."""
    said = io.StringIO()
    outcome = hard_failure(
        running,
        Fault("blackhole"),
        Timeline(out=said),
        bars=bars_of(running),
        steady_seconds=2,
        outage_seconds=3,
    )
    assert outcome.acknowledged > 20, said.getvalue()
    assert outcome.switches == 2, said.getvalue()
