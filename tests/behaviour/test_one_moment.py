"""An answer that reads its views in several steps: all steps see one moment, or all are done anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from quartzdb.domain.errors import Unavailable
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.domain.text_fields import TextField
from quartzdb.domain.vector import NO_VECTOR
from quartzdb.services.consistency import STRONG
from quartzdb.services.record_rules import NewRecord
from quartzdb.services.shard_reads import OneMoment, ShardReads
from quartzdb.storage.index.view import View
from quartzdb.storage.ports import BlobMissing
from quartzdb.wiring.embedded import Database
from tests.embedded import embedded


@pytest.fixture
def filled(tmp_path: Path) -> tuple[Database, Namespace, ShardReads]:
    database = embedded(tmp_path).open()
    settings = NamespaceSettings(text={"body": TextField()}, shards=3)
    namespace, _ = database.namespaces.create("t", "n", settings)
    database.records.upsert(
        namespace, [NewRecord(f"r{row}", NO_VECTOR, {"body": "a word"}) for row in range(9)]
    )
    return database, namespace, ShardReads(database.readers, database.versions)


def test_writes_between_two_steps_are_in_neither(filled: tuple[Database, Namespace, ShardReads]) -> None:
    """What comes while an answer is made is in the next one."""
    database, namespace, shards = filled

    def answer(moment: OneMoment) -> tuple[int, int]:
        first = sum(moment.each(lambda _, view: view.count))
        database.records.delete(namespace, [f"r{row}" for row in range(9)])
        assert database.records.count(namespace) == 0
        return first, sum(moment.each(lambda _, view: view.count))

    assert shards.at_one_moment(namespace.each_shard, answer, STRONG) == (9, 9)


def test_files_that_are_gone_have_all_steps_done_anew(filled: tuple[Database, Namespace, ShardReads]) -> None:
    """Of one later moment; and if that happens again and again it is an error that may pass."""
    database, namespace, shards = filled
    begun = 0

    def answer(moment: OneMoment) -> int:
        nonlocal begun
        begun += 1
        counts = moment.each(lambda _, view: view.count)
        last = namespace.each_shard[-1]

        def read(shard: Namespace, view: View) -> int:
            if begun <= lost and shard == last:
                raise BlobMissing("segments/swept")
            return view.count

        database.records.delete(namespace, ["r0"])
        return sum(counts) + sum(moment.each(read))

    lost = 1
    assert shards.at_one_moment(namespace.each_shard, answer, STRONG) == 16
    assert begun == 2
    lost = 100
    with pytest.raises(Unavailable):
        shards.at_one_moment(namespace.each_shard, answer, STRONG)
