"""The contract of BlobStore: what every store of blobs and pointers must do, whatever keeps them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from quartzdb.adapters.aws.s3_blobs import S3Blobs
from quartzdb.domain.errors import Corrupted
from quartzdb.storage.ports import BlobMissing, BlobStore
from tests.contracts.adapters import Storage, in_threads, rounds


def listed(blobs: BlobStore, prefix: str) -> list[str]:
    return sorted(key for key, _, _ in blobs.list(prefix))


def time_of_writing(blobs: BlobStore, at_ms: int) -> object:
    """When the storage's clock said `at_ms`, as a listing tells it: S3 has a clock of its own."""
    return pytest.approx(time.time() * 1000, abs=60_000) if isinstance(blobs, S3Blobs) else at_ms


def test_a_blob_comes_back_as_it_was_put(blobs: BlobStore, tmp_path: Path) -> None:
    """From memory or from a file, which stays its owner's; an empty one, too."""
    content = random.Random(1).randbytes(3_000_000)
    source = tmp_path / "source"
    source.write_bytes(content)
    blobs.put("t/n/from-file", source)
    source.write_bytes(b"changed afterwards")
    blobs.put("t/n/from-memory.bin", content)
    blobs.put("t/empty", b"")
    assert blobs.get("t/n/from-file") == content
    assert blobs.get("t/n/from-memory.bin") == content
    assert blobs.local_file("t/n/from-file").read_bytes() == content
    assert blobs.get("t/empty") == blobs.local_file("t/empty").read_bytes() == b""


def test_putting_the_same_blob_again_is_no_error(blobs: BlobStore) -> None:
    """A writer that does not know whether it was heard may ask again."""
    blobs.put("a/b", b"one")
    blobs.put("a/b", b"one")
    assert blobs.get("a/b") == b"one"


def test_ranges_of_a_blob(blobs: BlobStore) -> None:
    """In the order asked, overlapping or not; a range past the end means that the blob is not what it should be."""
    content = bytes(range(256)) * 40
    blobs.put("k", content)
    ranges = [(5, 10), (0, 1), (0, len(content)), (len(content) - 3, 3), (7, 0), (6, 2), (len(content), 0)]
    assert list(blobs.read_ranges("k", ranges)) == [
        content[start : start + length] for start, length in ranges
    ]
    assert list(blobs.read_ranges("k", [])) == []
    with pytest.raises(Corrupted):
        blobs.read_ranges("k", [(0, 1), (len(content) - 3, 4)])


def test_a_blob_that_is_not_there(blobs: BlobStore) -> None:
    """Every way of reading says so, naming the key; a "directory" of other blobs is none."""
    blobs.put("a/b/c", b"")
    for key in ("absent", "a/b", "a/b/c2"):
        for read in (blobs.get, blobs.local_file, lambda key: blobs.read_ranges(key, [(0, 1)])):
            with pytest.raises(BlobMissing) as missing:
                read(key)
            assert missing.value.key == key


@pytest.mark.parametrize(
    "key",
    ["", "/", "/etc/passwd", "..", "../x", "a/../../x", "a/..", "a//b", "a/", "./a", "a/.", "a b", "a\\b", "a\0b",
     "a\nb", "ä", "a/" + "x" * 201, "a/" * 500 + "a", "~/*", "C:x"],
)  # fmt: skip
def test_a_key_that_could_climb_or_confuse_is_refused(blobs: BlobStore, key: str) -> None:
    """In every verb, before anything is touched."""
    verbs: list[Callable[[str], object]] = [
        lambda key: blobs.put(key, b""),
        blobs.get,
        blobs.local_file,
        lambda key: blobs.read_ranges(key, []),
        lambda key: blobs.delete([key]),
        blobs.read_pointer,
        lambda key: blobs.swap_pointer(key, b"", None),
    ]
    for verb in verbs:
        with pytest.raises(ValueError, match="no blob key"):
            verb(key)


@pytest.mark.parametrize("prefix", ["/", "../", "a/../b", "..", "a//", "ä"])
def test_a_prefix_that_could_climb_is_refused(blobs: BlobStore, prefix: str) -> None:
    """As for keys."""
    with pytest.raises(ValueError, match="no prefix"):
        list(blobs.list(prefix))


def test_listing_is_by_prefix_of_the_whole_key(blobs: BlobStore, storage: Storage) -> None:
    """With sizes and times; a prefix may end anywhere, and what only looks alike stays out."""
    blobs.put("t/n/g/0/a.bin", b"1")
    earlier_ms = time_of_writing(blobs, storage.clock.unix_ms())
    storage.clock.seconds += 1.234
    blobs.put("t/n/g/0/b/c", b"22")
    blobs.put("t/n/g2/x", b"333")
    blobs.put("t/n-2/x", b"")
    blobs.put("u/x", b"")
    now_ms = time_of_writing(blobs, storage.clock.unix_ms())
    assert sorted(blobs.list("t/n/g/")) == [("t/n/g/0/a.bin", 1, earlier_ms), ("t/n/g/0/b/c", 2, now_ms)]
    assert listed(blobs, "t/n/g") == ["t/n/g/0/a.bin", "t/n/g/0/b/c", "t/n/g2/x"]
    assert listed(blobs, "t/n") == ["t/n-2/x", "t/n/g/0/a.bin", "t/n/g/0/b/c", "t/n/g2/x"]
    assert listed(blobs, "t/n/g/0/b") == listed(blobs, "t/n/g/0/b/c") == ["t/n/g/0/b/c"]
    assert listed(blobs, "t/n/g/0/b/c/") == listed(blobs, "v") == listed(blobs, "t/n/gg/h") == []
    assert len(listed(blobs, "")) == 5


def test_pointers_are_listed_beside_blobs(blobs: BlobStore, storage: Storage) -> None:
    """With the size of their content, so that whoever drops a prefix finds all that is under it."""
    blobs.put("t/n/blob", b"1")
    blobs.swap_pointer("t/n/CURRENT", b"12345", None)
    now_ms = time_of_writing(blobs, storage.clock.unix_ms())
    assert sorted(blobs.list("t/n/")) == [("t/n/CURRENT", 5, now_ms), ("t/n/blob", 1, now_ms)]
    blobs.delete(["t/n/CURRENT", "t/n/blob"])
    assert listed(blobs, "") == []
    assert blobs.read_pointer("t/n/CURRENT") is None


def test_deleting(blobs: BlobStore) -> None:
    """What is not there is no error, and what is left stays."""
    for key in ("a/b/c", "a/b/d", "a/e"):
        blobs.put(key, key.encode())
    blobs.delete(["a/b/c", "absent", "a/b", "a/b/x/y"])
    blobs.delete(["a/b/c"])
    blobs.delete([])
    assert listed(blobs, "") == ["a/b/d", "a/e"]
    with pytest.raises(BlobMissing):
        blobs.get("a/b/c")
    blobs.delete(["a/b/d", "a/e"])
    assert listed(blobs, "") == []
    blobs.put("a/b", b"a blob where a directory was")
    assert blobs.get("a/b") == b"a blob where a directory was"


def test_an_opened_file_outlives_its_deletion(blobs: BlobStore) -> None:
    """A reader that has a segment open is not disturbed by a sweep."""
    blobs.put("a/b", b"content")
    with blobs.local_file("a/b").open("rb") as file:
        blobs.delete(["a/b"])
        assert file.read() == b"content"


def test_a_pointer_moves_only_from_the_tag_that_was_read(blobs: BlobStore) -> None:
    """None stands for a pointer that was never written."""
    assert blobs.read_pointer("p/CURRENT") is None
    assert blobs.recent_pointer("p/CURRENT") is None
    assert not blobs.swap_pointer("p/CURRENT", b"x", "1-00")
    assert blobs.swap_pointer("p/CURRENT", b"one\n\xff", None)
    assert not blobs.swap_pointer("p/CURRENT", b"x", None)
    first = blobs.read_pointer("p/CURRENT")
    assert first is not None
    assert first[0] == b"one\n\xff"
    assert blobs.swap_pointer("p/CURRENT", b"", first[1])
    assert not blobs.swap_pointer("p/CURRENT", b"x", first[1])
    assert blobs.recent_pointer("p/CURRENT") == b""
    second = blobs.read_pointer("p/CURRENT")
    assert second is not None
    assert second[0] == b""


def test_a_pointer_that_comes_back_to_a_content_has_a_new_tag(blobs: BlobStore) -> None:
    """A writer that slept through two changes must not believe that there were none."""
    tags: list[str | None] = [None]
    for content in (b"A", b"B", b"A"):
        assert blobs.swap_pointer("p", content, tags[-1])
        there = blobs.read_pointer("p")
        assert there is not None
        assert there[0] == content
        tags.append(there[1])
    assert len(set(tags)) == 4
    assert not blobs.swap_pointer("p", b"C", tags[1])


def test_one_of_many_swaps_wins(open_blobs: Callable[[], BlobStore]) -> None:
    """Threads that each increment what they read count every success."""
    open_blobs().swap_pointer("p/CURRENT", b"0", None)
    won: list[int] = []

    def work(number: int) -> None:
        blobs = open_blobs()
        for _ in range(20):
            there = blobs.read_pointer("p/CURRENT")
            assert there is not None
            if blobs.swap_pointer("p/CURRENT", b"%d" % (int(there[0]) + 1), there[1]):
                won.append(number)

    in_threads(6, work)
    there = open_blobs().read_pointer("p/CURRENT")
    assert there is not None
    assert int(there[0]) == len(won)


def test_another_instance_sees_what_was_put(open_blobs: Callable[[], BlobStore]) -> None:
    """At once."""
    one, two = open_blobs(), open_blobs()
    one.put("a/b", b"x")
    assert two.get("a/b") == b"x"
    one.swap_pointer("a/CURRENT", b"y", None)
    there = two.read_pointer("a/CURRENT")
    assert there is not None
    assert there[0] == b"y"
    two.delete(["a/b"])
    assert listed(one, "a/b") == []


def test_puts_beside_deletes_that_empty_the_directory(blobs: BlobStore) -> None:
    """A put that returned is there, however often others tidy up around it."""

    def work(number: int) -> None:
        for turn in range(rounds(blobs, 60)):
            key = f"t/n/{turn % 3}/deep/{number}"
            blobs.put(key, b"%d" % turn)
            assert blobs.get(key) == b"%d" % turn
            assert key in listed(blobs, "t/n/")
            blobs.delete([key])

    in_threads(6, work)
    assert listed(blobs, "") == []
