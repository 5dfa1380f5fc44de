"""The contract of ContractApi, over HTTP: towards the server's `/api/*`, and towards the reference Worker's."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from quartzdb.adapters.http.cloudflare_peer import CloudflarePeer
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.api.app import create_app
from quartzdb.domain.errors import Unavailable
from quartzdb.domain.vector import Vector
from quartzdb.replication.ports import ContractApi, PeerRefused
from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded
from tests.contracts.adapters import in_threads
from tests.http_server import serving
from tests.worker_site import make_key, worker_site

TENANT = "default"
DIMENSION = 384
KEYS = [".", "..", "a/b", "a b+c", "é\u2603", "50%", "%2F", "q?x=1#y", "a&b;c", "'\"\\", "n" * 500]
IDS = ["plain", "A-1_2", "n" * 64]


@dataclass(frozen=True)
class Peer:
    """A peer that runs, and how it is asked: with a key."""

    connect: Callable[[str], CloudflarePeer]
    key: str


def _peer(url: str, key: str) -> Peer:
    return Peer(lambda key: CloudflarePeer(url, lambda: key, SystemClock(), site="there"), key)


@contextmanager
def embedded(folder: Path) -> Iterator[Peer]:
    """The server over SQLite."""
    database = open_embedded(EmbeddedSettings(folder / "embedded"))
    _, key = database.api_keys.create(TENANT, "peer", ("read", "write"))
    with serving(create_app(database)) as url:
        yield _peer(url, key)


@contextmanager
def worker(folder: Path) -> Iterator[Peer]:
    """The reference Worker under workerd."""
    with worker_site(folder / "site") as site:
        yield _peer(site.url, make_key(site, TENANT, "read", "write"))


@pytest.fixture(scope="module", params=[embedded, worker], ids=lambda kind: kind.__name__)
def peer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    with request.param(tmp_path_factory.mktemp(request.param.__name__)) as running:
        yield running


@pytest.fixture
def api(peer: Peer) -> Iterator[ContractApi]:
    with closing(peer.connect(peer.key)) as one:
        yield one


def vector(number: int) -> Vector:
    values = np.zeros(DIMENSION, np.float32)
    values[number % DIMENSION], values[-1] = 1.0, 0.5
    return values


EVERY_CALL: dict[str, Callable[[ContractApi], object]] = {
    "insert_vector": lambda api: api.insert_vector("x", vector(1), {}),
    "insert_vectors": lambda api: api.insert_vectors([("x", vector(1), {})]),
    "delete_vector": lambda api: api.delete_vector("x"),
    "get_vector": lambda api: api.get_vector("x"),
    "put": lambda api: api.put("x", "y"),
    "delete": lambda api: api.delete("x"),
    "get": lambda api: api.get("x"),
}


def test_a_record_is_what_was_inserted_last(api: ContractApi) -> None:
    """All of it: what an earlier one had and this one has not is gone."""
    api.insert_vector("one", vector(1), {"a": 1, "b": {"c": [True, None, "é"]}})
    found = api.get_vector("one")
    assert found is not None
    assert found[0].tolist() == pytest.approx(vector(1).tolist())
    assert found[1] == {"a": 1, "b": {"c": [True, None, "é"]}}
    api.insert_vector("one", vector(2), {"d": 1.5})
    found = api.get_vector("one")
    assert found is not None
    assert found[0].tolist() == pytest.approx(vector(2).tolist())
    assert found[1] == {"d": 1.5}


def test_a_hundred_records_at_once(api: ContractApi) -> None:
    """Those that are not taken are told by their ids, and the others are there."""
    records = [(f"many-{number}", vector(number), {"n": number}) for number in range(98)]
    nothing: dict[str, int] = {}
    bad = [("many-short", np.ones(3, np.float32), nothing), ("many-odd", np.ones(5, np.float32), nothing)]
    assert set(api.insert_vectors([*records[:50], *bad, *records[50:]])) == {"many-short", "many-odd"}
    for record_id, given, metadata in (records[0], records[97]):
        found = api.get_vector(record_id)
        assert found is not None
        assert found[0].tolist() == pytest.approx(given.tolist())
        assert found[1] == metadata
    assert api.get_vector("many-short") is None
    assert list(api.insert_vectors([("many-last", vector(1), {})])) == []


def test_a_deleted_record_is_not_there(api: ContractApi) -> None:
    """Deleting it again is no error, nor is deleting one that was never there."""
    api.insert_vector("doomed", vector(1), {})
    for _ in range(2):
        api.delete_vector("doomed")
        assert api.get_vector("doomed") is None
    api.delete_vector("never-seen")
    assert api.get_vector("never-seen") is None


def test_a_value_is_what_was_put_last(api: ContractApi) -> None:
    """Also where it is empty, long, or any text at all."""
    for value in ("one", "", "grüße \u2603 \U0001f600 \x00\n", "x" * 100_000):
        api.put("k", value)
        assert api.get("k") == value


def test_a_deleted_key_is_not_there(api: ContractApi) -> None:
    """Deleting it again is no error, nor is deleting one that was never there."""
    api.put("doomed", "v")
    for _ in range(2):
        api.delete("doomed")
        assert api.get("doomed") is None
    api.delete("never-seen")
    assert api.get("never-seen") is None


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_the_same_in_every_call(api: ContractApi, key: str) -> None:
    """Whatever characters it has, in a body and in an address."""
    api.put(key, key)
    assert api.get(key) == key
    api.delete(key)
    assert api.get(key) is None


@pytest.mark.parametrize("record_id", IDS)
def test_an_id_is_the_same_in_every_call(api: ContractApi, record_id: str) -> None:
    """Likewise."""
    api.insert_vector(record_id, vector(3), {"id": record_id})
    found = api.get_vector(record_id)
    assert found is not None
    assert found[1] == {"id": record_id}
    api.delete_vector(record_id)
    assert api.get_vector(record_id) is None


@pytest.mark.parametrize("name", ["a/b", "..", "é"])
def test_what_can_be_no_id_is_nowhere(api: ContractApi, name: str) -> None:
    """It is not taken, so it is not there; to delete it is no error."""
    with pytest.raises(PeerRefused):
        api.insert_vector(name, vector(3), {})
    assert api.get_vector(name) is None
    api.delete_vector(name)


def test_what_the_peer_will_never_take_is_refused(api: ContractApi) -> None:
    """So that nobody sends it for ever; in the peer's own words."""
    with pytest.raises(PeerRefused, match="384"):
        api.insert_vector("x", np.ones(3, np.float32), {})
    with pytest.raises(PeerRefused, match="1 to 512 characters"):
        api.put("", "v")


@pytest.mark.parametrize("call", EVERY_CALL)
def test_a_key_that_is_not_taken_may_be_taken_later(peer: Peer, call: str) -> None:
    """It may be about to be rotated; nothing is given up for it."""
    with closing(peer.connect("no key of yours")) as api, pytest.raises(Unavailable):
        EVERY_CALL[call](api)


@pytest.mark.parametrize("call", EVERY_CALL)
def test_a_peer_that_is_not_there_may_come_back(call: str) -> None:
    """Whatever it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with (
        closing(_peer(f"http://127.0.0.1:{port}", "k").connect("k")) as api,
        pytest.raises(Unavailable, match="does not answer"),
    ):
        EVERY_CALL[call](api)


def test_threads_may_share_it(api: ContractApi) -> None:
    """Each reads what it wrote."""

    def work(number: int) -> None:
        for turn in range(10):
            api.put(f"mine-{number}", str(turn))
            assert api.get(f"mine-{number}") == str(turn)

    in_threads(8, work)
