"""Compaction beside writers: it has an end that they cannot put off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quartzdb.cli.full_compaction import fold_and_merge_all
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.services.record_rules import NewRecord
from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded
from quartzdb.wiring.settings import DEFAULT_TENANT

FOLDS_MAX = 10


class _BesideWriters:
    """An indexer that others write and publish beside, before each of its folds."""

    def __init__(self, indexer: Any, meanwhile: Callable[[], None]) -> None:
        self._indexer = indexer
        self._meanwhile = meanwhile
        self.folds = 0

    def fold(self, namespace: Any) -> Any:
        self.folds += 1
        assert self.folds <= FOLDS_MAX, "it follows the writers"
        self._meanwhile()
        return self._indexer.fold(namespace)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._indexer, name)


@pytest.mark.parametrize("others_fold", [False, True], ids=["writes", "writes-and-folds"])
@pytest.mark.parametrize("shards", [1, 3])
def test_it_ends_at_what_was_written_when_it_began(tmp_path: Path, shards: int, others_fold: bool) -> None:
    """A write before each fold does not keep it going; everything from before is in one segment a shard."""
    database = open_embedded(EmbeddedSettings(tmp_path))
    namespace, _ = database.namespaces.create(DEFAULT_TENANT, "n", NamespaceSettings(2, shards=shards))

    def write(name: str, count: int) -> None:
        vector = np.ones(2, np.float32)
        database.records.upsert(namespace, [NewRecord(f"{name}{at}", vector) for at in range(count)])

    def meanwhile() -> None:
        write(f"late{indexer.folds}x", 10)
        if others_fold:
            for shard in namespace.each_shard:
                database.indexer.fold(shard)

    write("early", 50)
    indexer = _BesideWriters(database.indexer, meanwhile)
    beside: Any = (indexer, None)
    fold_and_merge_all(replace(database, make_maintenance=lambda: beside), namespace)
    held = database.namespaces.stats(namespace)
    assert held.records == 50 + 10 * indexer.folds
    # One segment of all that was there, and those that the others published since.
    since = indexer.folds if others_fold else 0
    assert shards <= len(held.segments) <= shards + since
    assert sum(segment.live_rows for segment in held.segments) >= 50
