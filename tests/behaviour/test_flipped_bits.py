"""One flipped bit anywhere in a data directory is reported: at start, by a read, or by verification. None is served.

Positions are drawn by a seed, half of them where something is written. QUARTZDB_FLIPS sets how many per file; `make
flips` takes every byte.
"""

from __future__ import annotations

import logging
import os
from itertools import chain

import pytest

from quartzdb.wiring.embedded import DATABASE_FILES
from tests.flipping import (
    Directory,
    chosen,
    flipped,
    killed_directory,
    look_at_database,
    look_at_file,
    look_at_log,
    other_files,
    whole_directory,
)

logger = logging.getLogger(__name__)

FLIPS = int(os.environ.get("QUARTZDB_FLIPS", "100"))
FLIPS_OF_SMALL = max(4, FLIPS // 8)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Directory:
    return whole_directory(tmp_path_factory.mktemp("flipped") / "data")


@pytest.mark.parametrize("name", DATABASE_FILES)
def test_a_bit_of_a_database_file(directory: Directory, name: str) -> None:
    """Is reported, unless every value in the file is as it was: then it held nothing."""
    path = directory.path / name
    outcomes = flipped(path, chosen(path, FLIPS), look_at_database(directory, name))
    logger.info("%s: %s", name, dict(outcomes))
    assert outcomes["start or read"]


def test_a_bit_of_any_other_file(directory: Directory) -> None:
    """Of segments, manifests, pointers and the directory's own file: each is reported."""
    for path in other_files(directory):
        # Always those of the first byte, too: where a format begins is what its checksums leave out most easily.
        some = chain(chosen(path, FLIPS_OF_SMALL), ((0, bit) for bit in range(8)))
        outcomes = flipped(path, some, look_at_file(directory, path))
        logger.info("%s: %s", path.name, dict(outcomes))


def test_a_bit_of_a_write_ahead_log(directory: Directory) -> None:
    """What a killed server left: SQLite would take it for the end of the log, and drop what was acknowledged since."""
    killed = killed_directory(directory.path.with_name("killed"), directory)
    assert killed.served != directory.served
    for name in DATABASE_FILES:
        path = killed.path / f"{name}-wal"
        outcomes = flipped(path, chosen(path, FLIPS_OF_SMALL), look_at_log(killed, path.name))
        assert set(outcomes) == {"start or read"}
        index = killed.path / f"{name}-shm"
        assert set(flipped(index, chosen(index, 4), look_at_log(killed, index.name))) == {"nothing there"}
