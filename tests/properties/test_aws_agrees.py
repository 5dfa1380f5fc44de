"""The DynamoDB adapters and the in-memory ones answer every sequence of calls alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quartzdb.domain.namespace import Partition
from quartzdb.storage.ports import ChangeLog, KeyValueTable, StampBehind
from quartzdb.wiring.aws import AwsSettings, aws_adapters
from quartzdb.wiring.aws_clients import AwsEndpoints
from quartzdb.wiring.embedded import Adapters
from tests.aws_emulators import PATIENCE, REGION, Emulators
from tests.doubles.memory_keyvalue import MemoryKeyValue
from tests.doubles.memory_log import MemoryChangeLog
from tests.properties.test_adapters_agree import SHARDS, LogCall, TableCall, log_calls, outcome, table_calls

EXAMPLES_MAX = 25
"""Each call is a request or several over HTTP."""


@pytest.fixture(scope="module")
def site(aws: Emulators, tmp_path_factory: pytest.TempPathFactory) -> Adapters:
    # ministack: conditions, transactions and consistent reads are nearer to AWS's there.
    emulator = aws.get("ministack")
    place = emulator.new_place()
    directory: Path = tmp_path_factory.mktemp("aws")
    return aws_adapters(
        AwsSettings(
            table=place.table,
            bucket=place.bucket,
            region=REGION,
            work_dir=directory,
            endpoints=AwsEndpoints.at(emulator.endpoint_url),
            patience=PATIENCE,
        )
    )


@pytest.fixture(scope="module")
def generations() -> Iterator[str]:
    return (f"g{number}" for number in range(10**9))


def told(call: LogCall, log: ChangeLog, at: Partition) -> Any:
    """As `outcome`, but a log that does not see its head may name another."""
    result = outcome(call, log, at)
    return StampBehind if isinstance(result, tuple) and result[:1] == (StampBehind,) else result


@settings(max_examples=EXAMPLES_MAX)
@given(calls=st.lists(st.tuples(SHARDS, log_calls()), max_size=30), sealed=st.integers(0, 40))
def test_logs_agree(
    site: Adapters, calls: list[tuple[int, LogCall]], sealed: int, generations: Iterator[str]
) -> None:
    """Results and refusals, for two shards, one of which may be sealed on the way."""
    generation = next(generations)
    dynamodb = site.log
    memory: ChangeLog = MemoryChangeLog(behind_max=1_000)
    for number, (shard, call) in enumerate(calls):
        at = Partition("t", "n", generation, shard)
        assert told(call, dynamodb, at) == told(call, memory, at)
        if number == sealed:
            dynamodb.seal(at)
            memory.seal(at)


@settings(max_examples=EXAMPLES_MAX)
@given(calls=st.lists(st.tuples(SHARDS, table_calls()), max_size=30))
def test_tables_agree(site: Adapters, calls: list[tuple[int, TableCall]], generations: Iterator[str]) -> None:
    """Results of every call, for two partitions."""
    generation = next(generations)
    dynamodb = site.table
    memory: KeyValueTable = MemoryKeyValue()
    for shard, call in calls:
        at = Partition("t", "n", generation, shard)
        assert call(dynamodb, at) == call(memory, at)
