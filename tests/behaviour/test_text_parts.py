"""The inverted index on S3: how often a cold reader waits for it, and what becomes of damage to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.domain.text_fields import TextField
from quartzdb.domain.text_query import TextQuery, sparse_query
from quartzdb.services.record_rules import NewRecord
from quartzdb.storage.index.executor import Immediate
from quartzdb.storage.index.query import Found
from quartzdb.storage.index.segments import partial_file
from quartzdb.storage.index.segments.partial_file import BLOCK_BYTES
from quartzdb.storage.index.segments.segment_files import INVERTED_FILE, POSTINGS_FILE
from quartzdb.storage.index.sparse_search import search_sparse
from quartzdb.storage.index.text_search import search_text, statistics
from quartzdb.storage.index.view import View
from quartzdb.storage.snapshot import fetched_files
from quartzdb.wiring.aws import aws_adapters
from quartzdb.wiring.embedded import Database, assemble
from tests.aws_deployment import Deployment
from tests.aws_emulators import Emulators
from tests.behaviour.test_cold_reads import overwrite, restore
from tests.behaviour.test_cold_rounds import HeldBack
from tests.embedded import vector_of

ROWS = 1_500
QUERIES = ['common "word7 common"', "word234 word17", "word12*", "nowhere"]

Filled = tuple[Deployment, Database, Namespace]


@pytest.fixture(scope="module")
def there(aws: Emulators, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """A namespace whose records lie in one segment of texts."""
    emulator = aws.get("ministack")
    directory = tmp_path_factory.mktemp("text")
    deployment = Deployment("ministack", emulator.endpoint_url, emulator.new_place(), directory)
    writer = deployment.open()
    settings = NamespaceSettings(8, text={"body": TextField()}, sparse=("splade",))
    namespace, _ = writer.namespaces.create("t", "texts", settings)
    for start in range(0, ROWS, 500):
        records = [
            NewRecord(
                f"r{n}",
                vector_of(n, 8),
                {
                    "body": f"word{n} common word{n % 100} common text{n % 7}",
                    "splade": {"indices": [n % 50, 77], "values": [1.0, n / ROWS]},
                },
            )
            for n in range(start, start + 500)
        ]
        writer.records.upsert(namespace, records)
    deployment.clock.seconds += 40
    assert writer.indexer.fold(namespace).published
    return deployment, writer, namespace


def found(view: View, text: str, top_k: int = 5) -> Found:
    query = TextQuery(text)
    return search_text(view, query, statistics(view, query), top_k, None)


def answers(database: Database, namespace: Namespace) -> list[list[tuple[str, float]]]:
    """Of some searches by words, and of one by numbers."""

    def all_of(view: View) -> list[Found]:
        sparse = search_sparse(view, sparse_query("splade", [77, 3], [1.0, 2.0]), 10, None)
        return [*(found(view, text, 10) for text in QUERIES), sparse]

    reader = database.readers.of(namespace)
    return [[(match.id, match.score) for match in one.matches] for one in reader.read(all_of)]


@pytest.fixture
def held_back(there: Filled) -> Iterator[tuple[Database, HeldBack]]:
    """A cold instance that is there to search."""
    deployment, _, _ = there
    settings = deployment.settings(searches=True)
    adapters = aws_adapters(settings)
    blobs = HeldBack(adapters.blobs)
    database = assemble(
        replace(adapters, clock=deployment.clock, blobs=blobs),  # type: ignore[arg-type]
        writer="aws.held-back",
        workspace=settings.work_dir / "building",
        searches=True,
        execute=Immediate,
    )
    yield database, blobs
    blobs.end()


def test_a_cold_search_by_words_waits_twice(there: Filled, held_back: tuple[Database, HeldBack]) -> None:
    """Once for what is known beforehand, postings that are not large among it, and once for the records."""
    _, _, namespace = there
    database, blobs = held_back
    view = database.readers.of(namespace).view()
    assert found(view, "word1234").matches[0].id == "r1234"
    assert [sorted(set(one)) for one in blobs.rounds] == [
        ["norms", "opening", "postings", "vectors"],
        ["rows"],
    ]


def test_large_postings_come_by_ranges(there: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answers are the same, and no more of the file is here than was needed."""
    deployment, writer, namespace = there
    warm = answers(writer, namespace)
    assert [len(one) for one in warm] == [10, 10, 10, 0, 10]
    monkeypatch.setattr(fetched_files, "LISTS_FROM_BYTES", 0)
    monkeypatch.setattr(fetched_files, "POSTINGS_OPENING_BYTES", BLOCK_BYTES)
    for gaps in ("GAP_BLOCKS_MAX", "WIDE_GAP_BLOCKS_MAX", "ROUND_WORTH_BYTES"):
        monkeypatch.setattr(partial_file, gaps, 0)  # the file is small: else all of it is brought along
    for searches in (False, True):
        cold = deployment.open(searches=searches)
        (part,) = cold.readers.of(namespace).view().parts
        found(cold.readers.of(namespace).view(), "word1321")
        file = part.segment._files.partial(POSTINGS_FILE)
        assert file is not None
        assert 0 < file.held_bytes < file.size * 0.9
        assert answers(cold, namespace) == warm
    poor = deployment.open(searches=True, fetched_bytes_max=3 * BLOCK_BYTES)
    assert answers(poor, namespace) == warm


@pytest.mark.parametrize("gone", [False, True], ids=["damaged", "missing"])
def test_damaged_and_missing_postings_are_never_served(there: Filled, gone: bool) -> None:
    """There is no manifest before this one, so the error says what to do; once that is done, answers are as before."""
    deployment, writer, namespace = there
    before = overwrite(deployment, writer, namespace, POSTINGS_FILE, gone=gone)
    try:
        with pytest.raises(Corrupted) as caught:
            answers(deployment.open(searches=True), namespace)
        assert caught.value.hint
    finally:
        restore(deployment, writer, namespace, POSTINGS_FILE, before)
    assert answers(deployment.open(), namespace) == answers(writer, namespace)


def test_every_range_of_postings_is_checked(there: Filled, tmp_path: Path) -> None:
    """One bit, anywhere in the file: a reader either never read it, or says that it is damaged."""
    deployment, writer, namespace = there
    whole = answers(writer, namespace)
    content = overwrite(deployment, writer, namespace, POSTINGS_FILE, gone=True)
    draw = np.random.default_rng(5)
    told = 0
    for place in draw.integers(0, len(content), 3).tolist():
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(draw.integers(8))
        restore(deployment, writer, namespace, POSTINGS_FILE, bytes(damaged))
        try:
            assert answers(deployment.open(), namespace) == whole
        except Corrupted:
            told += 1
    assert told
    # The head comes with the header, which has its own checksum, and beside it where it is large.
    assert INVERTED_FILE in _files(writer, namespace)
    restore(deployment, writer, namespace, POSTINGS_FILE, content)
    assert answers(deployment.open(), namespace) == whole


def _files(database: Database, namespace: Namespace) -> set[str]:
    pointer = database.store.pointer(namespace.partition)
    assert pointer is not None
    return set(database.store.manifest(pointer.current).segments[-1].files)
