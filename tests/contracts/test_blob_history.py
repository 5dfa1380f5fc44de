"""The contract of BlobHistory: what was replaced or deleted in a BlobStore can be found and brought back."""

from __future__ import annotations

from itertools import groupby

import pytest

from quartzdb.domain.errors import Conflict
from quartzdb.storage.ports import BlobHistory, BlobMissing, BlobVersion
from tests.contracts.adapters import VersionedBlobs


def versions(history: BlobHistory, key: str, *, pointer: bool = False) -> list[BlobVersion]:
    """Of one key."""
    return [one for one in history.versions() if one.key == key and one.pointer is pointer]


def current(history: BlobHistory, key: str, *, pointer: bool = False) -> BlobVersion:
    """What is there now, or the deletion of it."""
    (found,) = (one for one in versions(history, key, pointer=pointer) if one.current)
    return found


def test_every_version_is_found(versioned_blobs: VersionedBlobs) -> None:
    """Blobs and pointers, those of one key together, one of them current; deletions are told from contents."""
    blobs, history = versioned_blobs.blobs, versioned_blobs.history
    for key in ("t/b", "t/a"):
        blobs.put(key, key.encode())
    assert blobs.swap_pointer("t/CURRENT", b"1", None)
    assert blobs.swap_pointer("t/CURRENT", b"2", blobs.read_pointer("t/CURRENT")[1])  # type: ignore[index]  # it is there
    blobs.delete(["t/a"])
    assert sorted((one.deletion, one.current) for one in versions(history, "t/a")) == [
        (False, False),
        (True, True),
    ]
    assert [(one.deletion, one.current) for one in versions(history, "t/b")] == [(False, True)]
    pointers = versions(history, "t/CURRENT", pointer=True)
    assert sorted((one.deletion, one.current) for one in pointers) == [(False, False), (False, True)]
    keys = [key for key, _ in groupby((one.pointer, one.key) for one in history.versions())]
    assert len(keys) == len(set(keys))
    assert len({one.id for one in pointers}) == 2


def test_deletions_are_taken_back(versioned_blobs: VersionedBlobs) -> None:
    """Also of what was deleted more than once: with its bytes, and as if it had never been away."""
    blobs, history = versioned_blobs.blobs, versioned_blobs.history
    keys = [f"t/{number}" for number in range(3)]
    for key in keys:
        blobs.put(key, key.encode())
    blobs.delete(keys)
    blobs.delete(keys[:1])
    with pytest.raises(BlobMissing):
        blobs.get(keys[0])
    history.undelete([one for key in keys[:2] for one in versions(history, key) if one.deletion])
    assert [blobs.get(key) for key in keys[:2]] == [b"t/0", b"t/1"]
    assert [one.deletion for key in keys[:2] for one in versions(history, key)] == [False, False]
    with pytest.raises(BlobMissing):
        blobs.get(keys[2])
    history.undelete([])


def test_a_pointer_is_put_back(versioned_blobs: VersionedBlobs) -> None:
    """To an earlier content under a new tag, so that nobody who read it before can set it; twice is harmless."""
    blobs, history = versioned_blobs.blobs, versioned_blobs.history
    assert blobs.swap_pointer("t/CURRENT", b"then", None)
    then = current(history, "t/CURRENT", pointer=True)
    first = blobs.read_pointer("t/CURRENT")
    assert first is not None
    assert blobs.swap_pointer("t/CURRENT", b"now", first[1])
    now = blobs.read_pointer("t/CURRENT")
    assert now is not None
    for _ in range(2):
        history.put_back(then)
        back = blobs.read_pointer("t/CURRENT")
        assert back is not None
        assert (back[0], back[1] in {first[1], now[1]}) == (b"then", False)
    assert not blobs.swap_pointer("t/CURRENT", b"late", now[1])


def test_a_removed_pointer_can_be_put_back(versioned_blobs: VersionedBlobs) -> None:
    """What is removed is told as a deletion, and its versions stay."""
    blobs, history = versioned_blobs.blobs, versioned_blobs.history
    assert blobs.swap_pointer("t/CURRENT", b"then", None)
    then = current(history, "t/CURRENT", pointer=True)
    history.remove([then])
    assert blobs.read_pointer("t/CURRENT") is None
    assert current(history, "t/CURRENT", pointer=True).deletion
    history.put_back(then)
    back = blobs.read_pointer("t/CURRENT")
    assert back is not None
    assert back[0] == b"then"


def test_a_store_that_keeps_nothing_says_so(unversioned_history: BlobHistory) -> None:
    """Rather than that there is nothing to bring back."""
    with pytest.raises(Conflict):
        unversioned_history.versions()
