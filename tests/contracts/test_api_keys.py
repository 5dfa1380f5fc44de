"""The contract of ApiKeyTable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from quartzdb.domain.errors import Conflict
from quartzdb.services.ports import BROWSER, BROWSER_KEY_KEPT_MS, ApiKey, ApiKeyTable

KEY = ApiKey("k1", "t", "a name, any text: é\n", frozenset({"read", "kv:write"}), b"\0\xff" * 16, 1_000)


def test_a_key_comes_back_as_it_was_added(open_api_keys: Callable[[], ApiKeyTable]) -> None:
    """Every field, also for the next process."""
    keys = [
        KEY,
        replace(KEY, id="k2", scopes=frozenset(), expires_at_ms=5, created_at_ms=1_001),
        replace(KEY, id="k3", revoked_at_ms=6, created_at_ms=1_002),
        replace(KEY, id="k4", namespaces=frozenset({"a", "b"}), created_by="k1", created_at_ms=1_003),
    ]
    for key in keys:
        open_api_keys().add(key)
    assert [open_api_keys().get(key.id) for key in keys] == keys
    assert list(open_api_keys().list("t")) == keys
    assert open_api_keys().get("absent") is None


def test_an_id_is_used_once(api_keys: ApiKeyTable) -> None:
    """No tenant can replace another's key."""
    api_keys.add(KEY)
    with pytest.raises(Conflict):
        api_keys.add(replace(KEY, tenant="other"))
    assert api_keys.get("k1") == KEY


def test_a_tenants_keys_by_creation_time(api_keys: ApiKeyTable) -> None:
    """Only its own, with the revoked ones."""
    for key_id, created_at_ms in (("b", 3), ("c", 1), ("a", 3), ("d", 2)):
        api_keys.add(replace(KEY, id=key_id, created_at_ms=created_at_ms))
    api_keys.add(replace(KEY, id="e", tenant="other"))
    api_keys.revoke("t", "d", 9)
    assert [key.id for key in api_keys.list("t")] == ["c", "d", "a", "b"]
    assert api_keys.list("nobody") == []


def test_revoking_keeps_the_first_time(api_keys: ApiKeyTable) -> None:
    """And only its own tenant can do it."""
    api_keys.add(KEY)
    assert not api_keys.revoke("other", "k1", 5)
    assert not api_keys.revoke("t", "absent", 5)
    assert api_keys.get("k1") == KEY
    assert api_keys.revoke("t", "k1", 6)
    assert api_keys.revoke("t", "k1", 7)
    assert api_keys.get("k1") == replace(KEY, revoked_at_ms=6)


def test_an_end_moves_only_nearer(api_keys: ApiKeyTable) -> None:
    """And only its own tenant can move it."""
    api_keys.add(KEY)
    assert not api_keys.expire("other", "k1", 5)
    assert not api_keys.expire("t", "absent", 5)
    assert api_keys.get("k1") == KEY
    for at_ms, ends_ms in ((2_000, 2_000), (3_000, 2_000), (2_000, 2_000), (1_500, 1_500)):
        assert api_keys.expire("t", "k1", at_ms)
        assert api_keys.get("k1") == replace(KEY, expires_at_ms=ends_ms)


def test_the_latest_use_is_kept(open_api_keys: Callable[[], ApiKeyTable]) -> None:
    """Whoever wrote it. A key that is not there does not come about by it."""
    open_api_keys().add(KEY)
    for at_ms, latest_ms in ((7, 7), (5, 7), (9, 9)):
        open_api_keys().note_used("k1", at_ms)
        assert open_api_keys().get("k1") == replace(KEY, last_used_at_ms=latest_ms)
    open_api_keys().note_used("absent", 5)
    assert open_api_keys().get("absent") is None
    assert [key.last_used_at_ms for key in open_api_keys().list("t")] == [9]


def test_a_revoked_key_is_forgotten(api_keys: ApiKeyTable) -> None:
    """And no other: neither one that still works nor another tenant's. Its id is free again."""
    api_keys.add(KEY)
    api_keys.add(replace(KEY, id="k2", created_at_ms=1_001))
    assert not api_keys.forget(KEY)
    api_keys.revoke("t", "k1", 5)
    assert not api_keys.forget(replace(KEY, tenant="other"))
    assert api_keys.forget(KEY)
    assert not api_keys.forget(KEY)
    assert api_keys.get("k1") is None
    assert [key.id for key in api_keys.list("t")] == ["k2"]
    api_keys.add(KEY)
    assert [key.id for key in api_keys.list("t")] == ["k1", "k2"]


def test_a_key_of_a_browser_stays_until_a_while_after_its_end(api_keys: ApiKeyTable) -> None:
    """And no other key goes with it, whenever that ended."""
    ends_ms = 2_000 + BROWSER_KEY_KEPT_MS
    page = replace(KEY, created_by=BROWSER, expires_at_ms=2_000)
    others = [replace(KEY, id="k2", expires_at_ms=2_000), replace(KEY, id="k3", created_by="k2")]
    for key in (page, *others, replace(page, id="k4", created_at_ms=ends_ms - 1, expires_at_ms=ends_ms + 5)):
        api_keys.add(key)
    assert [key.id for key in api_keys.list("t")] == ["k1", "k2", "k3", "k4"]
    api_keys.add(replace(page, id="k5", created_at_ms=ends_ms, expires_at_ms=ends_ms + 5))
    assert [key.id for key in api_keys.list("t") if key.id != "k1"] == ["k2", "k3", "k4", "k5"]


def test_a_key_does_not_show_its_secret() -> None:
    """Not even the hash, in a log line that prints the key."""
    assert "secret" not in repr(KEY)
