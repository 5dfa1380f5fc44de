"""Copies of S3 blobs on the local disk: within their bound, and never gone while somebody may be about to open one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from quartzdb.adapters.aws.s3_local_files import KEPT_SECONDS, S3LocalFiles
from quartzdb.domain.errors import Unavailable
from tests.manual_clock import ManualClock


def bringing(content: bytes) -> Callable[[Path], bool]:
    def download(path: Path) -> bool:
        path.write_bytes(content)
        return True

    return download


def never(path: Path) -> bool:
    raise AssertionError(f"{path} is there already")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def files(tmp_path: Path, clock: ManualClock) -> S3LocalFiles:
    return S3LocalFiles(tmp_path / "copies", 250, clock)


def names(tmp_path: Path) -> int:
    return len(list((tmp_path / "copies").iterdir()))


def test_the_longest_unused_copy_makes_room(files: S3LocalFiles, clock: ManualClock, tmp_path: Path) -> None:
    """Being asked for counts as use."""
    for name in "ab":
        files.file(name, bringing(name.encode() * 100))
        clock.seconds += 1
    clock.seconds += KEPT_SECONDS
    assert files.file("a", never)
    clock.seconds += 1
    files.file("c", bringing(b"c" * 100))
    assert names(tmp_path) == 2
    assert files.file("a", never)
    assert files.file("c", never)


def test_what_was_handed_out_just_now_stays(files: S3LocalFiles, clock: ManualClock, tmp_path: Path) -> None:
    """Its receiver may not have opened it yet; over the bound for a while is better than an error."""
    paths = [files.file(name, bringing(b"x" * 100)) for name in "abcd"]
    assert all(path is not None and path.exists() for path in paths)
    clock.seconds += KEPT_SECONDS + 1
    files.file("e", bringing(b"x" * 100))
    assert names(tmp_path) == 2


def test_a_download_that_fails_leaves_nothing(files: S3LocalFiles, tmp_path: Path) -> None:
    """No half of a file ever has the name of a whole one."""

    def broken(path: Path) -> bool:
        path.write_bytes(b"half")
        raise ConnectionResetError

    with pytest.raises(Unavailable):
        files.file("a", broken)
    assert files.file("a", lambda path: False) is None
    assert names(tmp_path) == 0


def test_another_process_finds_the_copy(files: S3LocalFiles, clock: ManualClock, tmp_path: Path) -> None:
    """Blobs never change, so a copy is good for everybody."""
    files.file("a", bringing(b"content"))
    path = S3LocalFiles(tmp_path / "copies", 250, clock).file("a", never)
    assert path is not None
    assert path.read_bytes() == b"content"
    files.forget("a")
    assert not path.exists()
