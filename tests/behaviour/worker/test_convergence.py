"""Changes of any site, in any order and any number of times, give the state that merging gives at the other site."""

from __future__ import annotations

import base64
import random
import secrets
from typing import Any

import numpy as np
import pytest

from local.workerd import Workerd
from quartzdb.domain.change import Change, Delete, Patch, Upsert
from quartzdb.domain.hlc import BEGINNING, Version
from quartzdb.domain.merge import UNKNOWN, RecordState, apply
from tests.behaviour.worker import peer
from tests.behaviour.worker.peer import Document, Peer
from tests.contracts.http.deployments import SyncClient
from tests.worker_site import make_key

IDS = ["a", "b", "c", "d-e_f", "Z"]
FIELDS = ["year", "é", "\U0001f48e", "\uffee", "=\n", "__proto__", "1", ""]
SITES = ["aws.3f9c2a1b", "cloudflare.00000000", "aws.zz", "other"]
CHANGES = 60


def some_changes(chance: random.Random) -> list[Document]:
    """Many on few ids, with versions close to each other; no version twice on one id."""
    start = peer.now_ms() - 60_000
    changes: dict[tuple[str, str], Document] = {}
    for number in range(CHANGES):
        record_id = chance.choice(IDS)
        kind = chance.random()
        # Patches go on for longer: where a whole record is always the latest, nothing shows of them.
        at = peer.version(
            start + chance.randrange(4 if kind < 0.45 else 9), chance.randrange(4), chance.choice(SITES)
        )
        if kind < 0.35:
            metadata = dict.fromkeys(chance.sample(FIELDS, 3), number)
            change = {**peer.upsert(record_id, at, 1.0, number), "metadata": metadata}
        elif kind < 0.45:
            change = peer.delete(record_id, at)
        else:
            names = chance.sample(FIELDS, 3)
            change = {
                **peer.patch(record_id, at, tuple(names[2:])),
                "set": {name: [number] for name in names[:2]},
            }
        changes[record_id, at] = change
    return list(changes.values())


def to_domain(document: Document) -> Change:
    record_id, at = document["id"], Version.parse(document["version"])
    match document["op"]:
        case "upsert":
            vector = np.frombuffer(base64.b64decode(document["vector"]), dtype="<f4")
            return Upsert(record_id, at, vector, document["metadata"])
        case "patch":
            return Patch(record_id, at, document["set"], tuple(document["unset"]))
        case _:
            return Delete(record_id, at)


def merged(changes: list[Document]) -> dict[str, RecordState]:
    states: dict[str, RecordState] = {}
    for document in changes:
        change = to_domain(document)
        states[change.id] = apply(states.get(change.id, UNKNOWN), change)
    return states


def entry_of(state: RecordState) -> list[Any]:
    base = "" if state.base == BEGINNING else str(state.base)
    return [base, {name: str(patched.version) for name, patched in state.patches.items()}, state.live]


def expected_digests(states: dict[str, RecordState]) -> list[list[int]]:
    live = {record_id: entry_of(state) for record_id, state in states.items() if state.live}
    return peer.digests_of({record_id: (entry[0], entry[1]) for record_id, entry in live.items()})


def assert_state(site: Workerd, of: Peer, http: SyncClient, states: dict[str, RecordState]) -> None:
    assert of.digests() == expected_digests(states)
    assert of.entries_of(*IDS) == {record_id: entry_of(state) for record_id, state in states.items()}
    for record_id, state in states.items():
        answer = http.get(f"/api/vector/get/{record_id}")
        if state.vector is None:
            assert answer.status_code == 404
        else:
            assert answer.json()["vector"] == state.vector.tolist()
            assert answer.json()["metadata"] == state.visible_metadata()


@pytest.mark.parametrize("seed", range(4))
def test_any_order_and_any_repetition_is_one_state(site: Workerd, seed: int) -> None:
    """The state of the other site's own merge: versions, vectors, metadata, digests. And searches see it."""
    chance = random.Random(f"convergence/{seed}")
    changes = some_changes(chance)
    states = merged(changes)
    assert any(
        state.live and len({one.version for one in state.patches.values()}) > 1 for state in states.values()
    )
    for _ in range(2):
        tenant = f"t{secrets.token_hex(4)}"
        of, http = Peer(site.url, tenant), SyncClient(site.url, make_key(site, tenant))
        http.post("/api/vector/search", {"vector": [1.0] * 384})  # from now on vectors are held in memory
        sent = changes + chance.choices(changes, k=20)
        chance.shuffle(sent)
        while sent:
            size = chance.randrange(1, 20)
            batch, sent = sent[:size], sent[size:]
            assert sum(of.apply(*batch)) == len(batch)
        assert_state(site, of, http, states)
        found = http.post("/api/vector/search", {"vector": [1.0] * 384, "k": 100}).json()["results"]
        live = {record_id: state.visible_metadata() for record_id, state in states.items() if state.live}
        assert {match["id"]: match["metadata"] for match in found} == live
        assert of.apply(*changes) == (0, len(changes))
        http.close()


def test_a_feed_makes_the_same_state_elsewhere(site: Workerd) -> None:
    """However small its pages are, and however late they are read."""
    changes = some_changes(random.Random("feed"))
    states = merged(changes)
    of = Peer(site.url, f"t{secrets.token_hex(4)}")
    for first in range(0, len(changes), 7):
        of.apply(*changes[first : first + 7])
    for limit in (1, 2, 3, 500):
        tenant = f"t{secrets.token_hex(4)}"
        copy, http = Peer(site.url, tenant), SyncClient(site.url, make_key(site, tenant))
        cursor, more = None, True
        while more:
            page = of.page(limit=limit, **({} if cursor is None else {"cursor": cursor}))
            assert 1 <= len(page["changes"]) <= limit
            copy.apply(*page["changes"])
            more, cursor = page["more"], page["cursor"]
        assert_state(site, copy, http, states)
        http.close()


def test_fetching_makes_the_same_state_elsewhere(site: Workerd) -> None:
    """Tombstones and mere patches included; what is unknown gives nothing."""
    changes = some_changes(random.Random("fetch"))
    states = merged(changes)
    of = Peer(site.url, f"t{secrets.token_hex(4)}")
    of.apply(*changes)
    tenant = f"t{secrets.token_hex(4)}"
    copy, http = Peer(site.url, tenant), SyncClient(site.url, make_key(site, tenant))
    fetched = of.fetch(*IDS, "nobody")
    assert not fetched["more"]
    copy.apply(*fetched["changes"])
    assert_state(site, copy, http, states)
    http.close()


@pytest.mark.parametrize("seed", range(3))
def test_the_latest_change_of_a_key_stays(site: Workerd, seed: int) -> None:
    """Whole: value, type, expiry. In any order, in two tenants, and through the feed."""
    chance = random.Random(f"keys/{seed}")
    start = peer.now_ms() - 60_000
    names = ["k", "é/ü", "\u0000", "\U0001f48e", "\uffee", "a" * 512]
    changes: dict[tuple[str, str], Document] = {}
    for number in range(40):
        key, at = chance.choice(names), peer.version(start + chance.randrange(9), 0, chance.choice(SITES))
        put = peer.put(key, at, bytes([number]) * number)
        changes[key, at] = put if chance.random() < 0.7 else peer.delete_key(key, at)
    latest: dict[str, Document] = {}
    for key, at in sorted(changes):
        latest[key] = changes[key, at]
    digests = peer.digests_of({key: (c["version"], {}) for key, c in latest.items() if c["op"] == "put"})
    one, two, three = (Peer(site.url, f"t{secrets.token_hex(4)}", "keys") for _ in range(3))
    for of in (one, two):
        sent = list(changes.values()) * 2
        chance.shuffle(sent)
        for first in range(0, len(sent), 9):
            of.apply(*sent[first : first + 9])
    three.apply(*one.everything())
    for of in (one, two, three):
        assert of.digests() == digests
        assert {change["key"]: change for change in of.everything()} == latest
        assert of.entries_of(*names) == {
            key: [c["version"], {}, c["op"] == "put"] for key, c in latest.items()
        }
