"""Feeds of the Worker: the order in which it took changes, pages, cursors, and what a reader leaves out."""

from __future__ import annotations

import base64

import pytest

from local.workerd import Workerd
from tests.behaviour.worker import peer
from tests.behaviour.worker.peer import Peer
from tests.contracts.http.deployments import SyncClient
from tests.contracts.http.records import insert, vector

MB = 1024 * 1024


def test_local_writes_are_changes_with_versions_of_this_site(
    http: SyncClient, records: Peer, keys: Peer
) -> None:
    """Born here, at the time of the write, in the order of the writes; a batch has one version."""
    before = peer.now_ms()
    insert(http, "a", 1, metadata={"x": 1})
    http.post("/api/vector/batch-insert", {"vectors": [{"id": name, "vector": vector(1)} for name in "bc"]})
    http.delete("/api/vector/delete/a")
    http.post("/api/put", {"key": "k", "value": "grüß"})
    http.delete("/api/delete/none")
    b, c, a = records.everything()
    assert [(one["op"], one["id"]) for one in (b, c, a)] == [
        ("upsert", "b"),
        ("upsert", "c"),
        ("delete", "a"),
    ]
    assert b == {**peer.upsert("b", b["version"], 1.0), "metadata": {}}
    assert b["version"] == c["version"] < a["version"]
    k, none = keys.everything()
    assert k == {**peer.put("k", k["version"], "grüß".encode()), "content_type": "text/plain; charset=utf-8"}
    assert none == peer.delete_key("none", none["version"])
    for change in (b, c, a, k, none):
        stamp, _, writer = change["version"].partition(".")
        assert writer.startswith("cloudflare.")
        assert before <= int(stamp, 16) >> 16 <= peer.now_ms()


def test_what_changes_moves_to_the_end(records: Peer) -> None:
    """So whoever reads on sees its latest state, once."""
    now = peer.now_ms()
    records.apply(peer.upsert("a", peer.version(now)), peer.upsert("b", peer.version(now, 1)))
    page = records.page()
    records.apply(peer.patch("a", peer.version(now, 2), n=1), peer.delete("c", peer.version(now, 3)))
    assert [change["id"] for change in records.everything()] == ["b", "a", "a", "c"]
    later = records.everything(page["cursor"])
    assert later == [
        peer.upsert("a", peer.version(now)),
        peer.patch("a", peer.version(now, 2), n=1),
        peer.delete("c", peer.version(now, 3)),
    ]
    assert records.everything(page["cursor"]) == later
    records.apply(*later)
    assert records.everything(page["cursor"]) == later


def test_the_end_of_a_feed_says_until_when_it_is_complete(records: Peer) -> None:
    """In this site's time; before the end it says less."""
    now = peer.now_ms()
    records.apply(*(peer.upsert(f"r{n}", peer.version(now, n)) for n in range(3)))
    begun = peer.now_ms()
    page = records.page(limit=2)
    assert page["more"]
    assert page["through_ms"] < begun
    page = records.page(limit=2, cursor=page["cursor"])
    assert not page["more"]
    assert begun - 2 <= page["through_ms"] <= peer.now_ms()
    again = records.page(cursor=page["cursor"])
    assert (again["changes"], again["more"], again["cursor"]) == ([], False, page["cursor"])


def test_changes_born_at_the_reader_are_left_out(records: Peer, http: SyncClient) -> None:
    """One by one: of a record of theirs that was patched here only the patch is given. The cursor moves past them."""
    now = peer.now_ms()
    own, other = "aws.1", "west.1"
    records.apply(*(peer.upsert(f"r{n}", peer.version(now, n, own)) for n in range(20)))
    records.apply(
        peer.patch("r3", peer.version(now, 30, other), x=1), peer.delete("r4", peer.version(now, 31, own))
    )
    insert(http, "here", 1)
    wanted = records.everything(exclude_site="aws")
    assert [(one["op"], one["id"]) for one in wanted] == [("patch", "r3"), ("upsert", "here")]
    assert records.everything(exclude_site="aws", limit=1) == wanted
    page = records.page(exclude_site="aws", limit=1)
    assert (page["changes"], page["more"]) == (wanted[:1], True)
    assert [one["id"] for one in records.everything(exclude_site="west")].count("r3") == 1
    assert records.page(cursor=records.page(exclude_site="aws")["cursor"])["changes"] == []


def test_thousands_of_changes_of_the_reader_are_passed_over(records: Peer) -> None:
    """A page has at least one change if there is one, however far away."""
    now = peer.now_ms()
    for first in range(0, 2_500, 500):
        records.apply(*(peer.delete(f"r{n}", peer.version(now, n)) for n in range(first, first + 500)))
    records.apply(peer.delete("theirs", peer.version(now, 0, "west.1")))
    page = records.page(exclude_site="aws")
    assert ([one["id"] for one in page["changes"]], page["more"]) == (["theirs"], False)
    assert len(records.everything()) == 2_501


def test_pages_end_at_500_changes_and_at_4_mb(keys: Peer) -> None:
    """Whichever is first; a change that is larger comes alone."""
    now = peer.now_ms()
    keys.apply(*(peer.put(f"k{n}", peer.version(now, n), b"v") for n in range(500)))
    keys.apply(peer.put("k500", peer.version(now, 500), b"v"))
    page = keys.page()
    assert (len(page["changes"]), page["more"]) == (500, True)
    place = keys.page(cursor=page["cursor"])["cursor"]
    for n in range(5):
        keys.apply(peer.put(f"m{n}", peer.version(now, 1_000 + n), b"m" * MB))
    keys.apply(peer.put("large", peer.version(now, 2_000), b"l" * 10 * MB))
    sizes = []
    more = True
    while more:
        page = keys.page(cursor=place)
        sizes.append([len(base64.b64decode(change["value"])) // MB for change in page["changes"]])
        place, more = page["cursor"], page["more"]
    assert sizes == [[1, 1], [1, 1], [1], [10]]
    found = keys.fetch("m0", "m1", "m2")
    assert ([one["key"] for one in found["changes"]], found["more"]) == (["m0", "m1"], True)
    assert [one["key"] for one in keys.fetch("large", "m0")["changes"]] == ["large"]


def test_a_state_is_fetched_whole_or_not(records: Peer) -> None:
    """An id that does not fit is missing with all its changes, so that no half looks like all of it."""
    now = peer.now_ms()
    for n in range(3):
        at = iter(range(n * 1000, n * 1000 + 100))
        records.apply(peer.upsert(f"r{n}", peer.version(now, next(at))))
        for field in range(50):
            records.apply(peer.patch(f"r{n}", peer.version(now, next(at)), **{f"f{field}": "x" * 30_000}))
    found = records.fetch("r0", "r1", "r2")
    assert found["more"]
    assert [len([one for one in found["changes"] if one["id"] == f"r{n}"]) for n in range(3)] == [51, 51, 0]
    rest = records.fetch("r2")
    assert (len(rest["changes"]), rest["more"]) == (51, False)


def test_entries_come_in_pages_by_id(records: Peer) -> None:
    """In the order of their UTF-8, from an id on."""
    now = peer.now_ms()
    ids = [f"r{n}" for n in range(4_000) if peer.bucket_of(f"r{n}") == 7]
    records.apply(*(peer.delete(one, peer.version(now, n)) for n, one in enumerate(ids)))
    found: list[str] = []
    more = True
    while more:
        page = records.entries(7, limit=2, **({"after": found[-1]} if found else {}))
        assert len(page["entries"]) <= 2
        found += [entry[0] for entry in page["entries"]]
        more = page["more"]
    assert found == sorted(ids)
    assert len(found) > 5


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "keys-00000000-1-0-0",
        "records-0-1-0-0",
        "records-00000000-1-0",
        "records-00000000--1-0-0",
        "é",
        "x" * 9_000,
    ],
)
def test_what_is_no_cursor_is_400(records: Peer, cursor: str) -> None:
    """Also one of the other feed."""
    place = {"tenant": records.tenant, "namespace": "default", "feed": "records"}
    problem = records.refused(400, "invalid_cursor", "GET", "changes", params={**place, "cursor": cursor})
    assert problem["field"] == "cursor"


def test_a_cursor_of_another_storage_is_a_gap(site: Workerd, records: Peer) -> None:
    """As after a restore; the answer says where to go on from."""
    records.apply(peer.upsert("a", peer.version(peer.now_ms())))
    stranger = Peer(site.url, f"{records.tenant}x")
    stranger.apply(peer.upsert("b", peer.version(peer.now_ms())))
    place = {"tenant": records.tenant, "namespace": "default", "feed": "records"}
    good = records.page()["cursor"]
    ahead = good.replace("-2-", "-99-")
    assert ahead != good
    for cursor in (stranger.page()["cursor"], ahead):
        problem = records.refused(410, "feed_gap", "GET", "changes", params={**place, "cursor": cursor})
        assert records.page(cursor=problem["cursor"])["changes"] == []
        records.apply(peer.upsert("c", peer.version(peer.now_ms(), 9)))
        assert [one["id"] for one in records.everything(problem["cursor"])] == ["c"]
