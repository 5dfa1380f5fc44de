"""A directory that only crashed is never refused, wherever its mark was changing; one with an older file always is."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quartzdb.adapters.embedded.data_directory import MARKED, DatabaseFiles
from quartzdb.adapters.embedded.database_document import NAME, read_document
from quartzdb.adapters.embedded.directory_mark import Mark, Marks
from quartzdb.adapters.embedded.sqlite_database import SqliteDatabase
from quartzdb.adapters.embedded.sqlite_identity import mark_in
from quartzdb.domain.errors import Corrupted

STEPS = len(MARKED) + 2
"""The document, each file, the document."""


class Killed(Exception):
    """The process ended here."""


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that was made, and has no mark yet."""
    path = tmp_path_factory.mktemp("new") / "data"
    path.mkdir()
    with opened(path):
        return path


@contextmanager
def opened(path: Path, *, read_only: bool = False) -> Iterator[list[SqliteDatabase]]:
    files = DatabaseFiles(path, read_only=read_only).open(*MARKED)
    try:
        yield files
    finally:
        for file in files:
            file.close()


State = tuple[Marks, tuple[Mark | None, ...]]


def state_of(path: Path) -> State:
    """What the document says, and what each file has."""
    said = read_document(path)
    assert said is not None
    found: list[Mark | None] = []
    for name in MARKED:
        with closing(sqlite3.connect(path / name)) as connection:
            found.append(mark_in(connection, path / name))
    return said.marks, tuple(found)


def start(path: Path, *, killed_after: int, moments: list[State]) -> None:
    """A process opens the directory and changes its mark, and is killed after so many steps. Notes each moment."""
    done = 0

    def step(_: str) -> None:
        nonlocal done
        done += 1
        moments.append(state_of(path))
        if done == killed_after:
            raise Killed

    with opened(path) as files, suppress(Killed):
        DatabaseFiles(path).change_mark(files, step=step)
    assert done == min(killed_after, STEPS)


def refused(path: Path) -> bool:
    """Whether it is, to write and to read alike."""
    outcomes = set()
    for read_only in (True, False):
        try:
            with opened(path, read_only=read_only):
                outcomes.add("opened")
        except Corrupted as error:
            outcomes.add(f"{error.message} {error.hint}")
    (outcome,) = outcomes
    assert outcome == "opened" or "quartzdb adopt" in outcome
    return outcome != "opened"


@settings(max_examples=30)
@given(
    before=st.lists(st.integers(1, STEPS + 1), max_size=3),
    since=st.lists(st.integers(1, STEPS + 1), max_size=3),
    names=st.sets(st.sampled_from([*MARKED, NAME]), min_size=1, max_size=2),
)
def test_only_files_of_different_moments_are_refused(
    new: Path, before: list[int], since: list[int], names: set[str]
) -> None:
    """However many starts were killed, and where: what is opened is how the directory once was, at one moment."""
    with tempfile.TemporaryDirectory() as folder:
        data, copies = Path(folder) / "data", Path(folder) / "copies"
        shutil.copytree(new, data)
        moments = [state_of(data)]
        for killed_after in before:
            start(data, killed_after=killed_after, moments=moments)
        shutil.copytree(data, copies)
        for killed_after in since:
            start(data, killed_after=killed_after, moments=moments)
        assert not refused(data)
        for name in names:
            shutil.copyfile(copies / name, data / name)
        assert refused(data) == (state_of(data) not in moments)


@given(killed_after=st.integers(1, STEPS))
@settings(max_examples=STEPS)
def test_a_start_that_was_broken_off_is_ended_by_the_next(new: Path, killed_after: int) -> None:
    """With the mark that it began to give."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        shutil.copytree(new, data)
        start(data, killed_after=killed_after, moments=[])
        begun, _ = state_of(data)
        start(data, killed_after=STEPS + 1, moments=[])
        done, files = state_of(data)
        assert done.coming is None
        assert set(files) == {done.mark}
        assert begun.coming is None or done.mark == begun.coming
