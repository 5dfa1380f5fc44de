"""What only the Python client has: arrays, embedded databases, options, and what it logs."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest

from quartzdb_client import (
    AsyncClient,
    Client,
    DeadlineExceeded,
    NotFound,
    QuartzDBError,
    upsert_many,
    upsert_many_async,
)
from quartzdb_client.decoding import decode
from quartzdb_client.types import Match, PartRank
from tests.clients.conftest import Served


def test_how_a_match_stands_by_its_vector_is_no_vector() -> None:
    """Both have the same name."""
    stands = {"vector": {"rank": 1, "score": 0.5}, "text": {"rank": 2, "score": 3.0}}
    match = {"id": "a", "score": 0.9, "version": "v", "vector": "AACAPw==", "explain": stands}
    read = decode(Match, match)
    assert read.explain is not None
    assert (read.explain.vector, read.explain.text) == (PartRank(rank=1, score=0.5), PartRank(2, 3.0))
    assert list(read.vector or ()) == [1.0]


def test_what_is_logged_has_no_key_and_no_data(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """At the most talkative level."""
    caplog.set_level(logging.DEBUG, logger="quartzdb_client")
    with Client(served.url, api_key=served.api_key) as db:
        db.create_namespace("logged", dimension=2).upsert(
            [{"id": "a", "vector": [1, 0], "metadata": {"secret": "do not log"}}]
        )
        assert served.api_key not in repr(vars(db.namespace("logged")))
    assert "POST /v1/namespaces/logged/vectors: 200" in caplog.text
    assert served.api_key not in caplog.text
    assert "do not log" not in caplog.text


def test_embedded_is_the_same_without_a_server(tmp_path: Path) -> None:
    """What was written is there when the directory is opened again, also by the asynchronous client."""
    with Client.embedded(tmp_path / "data") as db:
        books = db.create_namespace("books", dimension=2)
        books.upsert([{"id": "a", "vector": np.array([1, 0], np.float32), "metadata": {"n": 1}}])
        books.kv.put("k", b"v")
        assert books.query([1, 0], filter={"n": 1}).matches[0].id == "a"
        assert db.health().status == "healthy"
        with pytest.raises(NotFound):
            books.get("b")

    async def again() -> None:
        async with AsyncClient.embedded(tmp_path / "data") as db:
            assert [one.name async for one in db.list_namespaces()] == ["books"]
            assert (await db.namespace("books").kv.get("k")).value == b"v"

    asyncio.run(again())


def test_a_program_that_forgets_to_close_an_embedded_one_ends_quietly(tmp_path: Path) -> None:
    """Also where everything is logged: lines for each request are for those who run a server."""
    code = (
        "import logging, sys, quartzdb_client; logging.basicConfig(level='INFO');"
        "db = quartzdb_client.Client.embedded(sys.argv[1]); db.create_namespace('n', dimension=1);"
        "db.namespace('n').upsert([{'id': 'a', 'vector': [1]}])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "data")], capture_output=True, text=True, check=True
    )
    assert "quartzdb" not in ran.stderr
    assert "asyncio" not in ran.stderr
    with Client.embedded(tmp_path / "data") as db:
        assert db.namespace("n").count().count == 1


def test_a_program_may_end_while_its_data_are_indexed(tmp_path: Path) -> None:
    """Closed or not, it ends as every program does: its other endings run, and nothing aborts it."""
    code = (
        "import atexit, sys, numpy, quartzdb_client; atexit.register(print, 'ended');"
        "db = quartzdb_client.Client.embedded(sys.argv[1]); space = db.create_namespace('n', dimension=16);"
        "points = numpy.random.default_rng(1).normal(size=(3_000, 16)).astype('f4');"
        "quartzdb_client.upsert_many(space, ({'id': str(n), 'vector': one} for n, one in enumerate(points)));"
        "len(sys.argv) == 3 and db.close()"
    )
    for arguments in ([], ["close"]):
        data = str(tmp_path / f"data{len(arguments)}")
        ran = subprocess.run(
            [sys.executable, "-c", code, data, *arguments], capture_output=True, text=True, check=False
        )
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "ended\n", "")
        with Client.embedded(data) as db:
            assert db.namespace("n").count().count == 3_000


def test_embedded_calls_have_a_deadline_too(tmp_path: Path) -> None:
    """Whatever the database is at."""
    with Client.embedded(tmp_path / "data", timeout_seconds=1e-5) as db, pytest.raises(DeadlineExceeded):
        db.create_namespace("late", dimension=2)


def test_a_directory_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    """As any other error of the client."""
    (tmp_path / "data").write_text("no directory")
    with pytest.raises(QuartzDBError, match="data"):
        Client.embedded(tmp_path / "data")


def test_many_records_come_from_any_iterable(tmp_path: Path) -> None:
    """A generator of either kind; what stops it is raised, and what came before is written."""

    def some() -> Iterator[dict[str, object]]:
        for number in range(25):
            yield {"id": f"{number}", "vector": [float(number), 1.0]}

    async def same() -> AsyncIterator[dict[str, object]]:
        for record in some():
            yield record

    async def write() -> None:
        async with AsyncClient.embedded(tmp_path / "data") as db:
            report = await upsert_many_async(db.namespace("many"), same(), batch_size=10, parallel=2)
            assert (report.upserted, report.failed) == (25, {})

    with Client.embedded(tmp_path / "data") as db:
        many = db.create_namespace("many", dimension=2)
        report = upsert_many(many, some(), batch_size=10, parallel=2)
        assert (report.upserted, report.failed) == (25, {})
        assert many.get("24").version <= (report.version or "")
    asyncio.run(write())


def test_what_has_no_name_yet_is_sent_as_it_is(tmp_path: Path) -> None:
    """Settings and options of a newer server work before this client knows them; wrong ones are told by name."""
    with Client.embedded(tmp_path / "data") as db:
        words = db.create_namespace("words", text=["body"], purge_after_days=3)
        assert words.describe().purge_after_days == 3
        words.upsert([{"id": "a", "metadata": {"body": "giant worms"}}])
        assert words.query(text="worms", include_metadata=False).matches[0].metadata is None
        with pytest.raises(Exception, match="no_such_option") as told:
            words.query(text="worms", no_such_option=1)
        assert told.value.kind == "invalid_request"  # type: ignore[attr-defined]
