"""API keys go to the peer by themselves, whatever it has, and come again to a peer that lost them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from quartzdb.replication.api_key_push import PUSH_AGAIN_SECONDS, ApiKeyPush
from quartzdb.services.keys import ApiKeys
from tests.manual_clock import ManualClock
from tests.replica_sites import LocalSite, memory_site


@pytest.fixture
def sites(tmp_path: Path, clock: ManualClock) -> tuple[LocalSite, LocalSite]:
    return memory_site("aws", tmp_path, clock), memory_site("cloudflare", tmp_path, clock)


def test_the_first_key_needs_no_namespace(sites: tuple[LocalSite, LocalSite], clock: ManualClock) -> None:
    """Where clients are sent to the peer, nobody could make a namespace before the key is there."""
    aws, cloudflare = sites
    key, _ = ApiKeys(aws.adapters.api_keys, clock).create("default", "first", ["read"])
    push = ApiKeyPush(aws.adapters.api_keys, cloudflare.replica, clock, lambda: 0.5, always=["default"])
    assert push.run([])
    assert cloudflare.adapters.api_keys.get(key.id) == key


def test_a_rotation_travels(sites: tuple[LocalSite, LocalSite], clock: ManualClock) -> None:
    """The new key, and the end of the old one, which the peer does not put off again."""
    aws, cloudflare = sites
    keys = ApiKeys(aws.adapters.api_keys, clock)
    key, _ = keys.create("default", "old", ["read"])
    push = ApiKeyPush(aws.adapters.api_keys, cloudflare.replica, clock, lambda: 0.5)
    assert push.run(["default"])
    made = keys.rotate("default", key.id, 3_600)
    assert push.run(["default"])
    there = {one.id: one for one in cloudflare.adapters.api_keys.list("default")}
    assert there == {key.id: made.replaced, made.key.id: made.key}
    later = replace(made.replaced, expires_at_ms=None)
    assert cloudflare.replica.apply_api_keys([later]) == 0
    assert cloudflare.adapters.api_keys.get(key.id) == made.replaced


def test_a_peer_that_lost_its_keys_gets_them_again(
    sites: tuple[LocalSite, LocalSite], tmp_path: Path, clock: ManualClock
) -> None:
    """A restored or emptied site knows no key, or one that was revoked: it hears of all of them after a while."""
    aws, cloudflare = sites
    keys = ApiKeys(aws.adapters.api_keys, clock)
    key, _ = keys.create("default", "lost", ["read"])
    push = ApiKeyPush(aws.adapters.api_keys, cloudflare.replica, clock, lambda: 0.5)
    assert push.run(["default"])
    keys.revoke("default", key.id)
    assert push.run(["default"])
    cloudflare.adapters.api_keys._keys.clear()  # type: ignore[attr-defined]
    assert push.run(["default"])
    assert cloudflare.adapters.api_keys.get(key.id) is None
    clock.sleep(PUSH_AGAIN_SECONDS)
    assert push.run(["default"])
    found = cloudflare.adapters.api_keys.get(key.id)
    assert found is not None
    assert found.revoked_at_ms is not None
