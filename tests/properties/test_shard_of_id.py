"""Which shard an id belongs to: for ever the same one, evenly, and independent of how a merge divides."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quartzdb.adapters.namespace_document import decode_namespace, encode_namespace
from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.limits import SHARDS_MAX
from quartzdb.domain.namespace import Namespace, NamespaceSettings, Partition, shard_number
from quartzdb.maintenance.merge_plan import share

PINNED = {"a": (1, 25), "doc-1": (1, 21), "schön": (1, 33), "r99999": (1, 33)}
COUNTS = st.integers(1, SHARDS_MAX)
IDS = st.lists(st.text(min_size=1, max_size=40).filter(lambda one: one.isprintable()), max_size=50)


def namespace(shards: int) -> Namespace:
    return Namespace("t", "n", "g", NamespaceSettings(8, shards=shards), 0)


def test_an_id_never_moves() -> None:
    """Where these lie is written down: another hash would lose every record of a sharded namespace."""
    found = {one: (shard_number(one, 4), shard_number(one, 64)) for one in ("a", "doc-1", "schön", "r99999")}
    assert found == PINNED


@given(ids=IDS, shards=COUNTS)
def test_every_id_has_one_shard(ids: list[str], shards: int) -> None:
    """However it is asked for, and grouping ids loses and adds none, nor changes their order."""
    whole = namespace(shards)
    groups = whole.by_shard(ids)
    assert sorted(one for some in groups.values() for one in some) == sorted(ids)
    for shard, some in groups.items():
        assert some == [one for one in ids if whole.partition_of(one) == shard.partition]
        assert shard in whole.each_shard
        assert whole.shard_at(shard.partition) == shard


@given(shards=COUNTS)
def test_shards_are_partitions_of_one_generation(shards: int) -> None:
    """The first is where an unsharded namespace lies, and no other partition is taken for one of them."""
    whole = namespace(shards)
    assert whole.partitions == tuple(Partition("t", "n", "g", number) for number in range(shards))
    assert whole.partitions[0] == namespace(1).partition
    for stranger in (
        Partition("t", "n", "g", shards),
        Partition("t", "n", "g", -1),
        Partition("t", "n", "g2"),
        Partition("t", "m", "g"),
    ):
        assert whole.shard_at(stranger) is None


@pytest.mark.parametrize("form", ["r{}", "user/{:09d}", "{:x}"])
@pytest.mark.parametrize("shards", [4, 7, 64])
def test_ids_are_spread_evenly(form: str, shards: int) -> None:
    """Also ids that differ in their last digits only: no shard is a tenth away from the mean by more than chance."""
    count = 50_000
    sizes = Counter(shard_number(form.format(number), shards) for number in range(count))
    mean = count / shards
    assert len(sizes) == shards
    assert max(abs(size - mean) for size in sizes.values()) < 5 * np.sqrt(mean)


def test_what_a_merge_divides_is_spread_in_every_shard() -> None:
    """A large merge divides by a hash of the id, too: were it the same one, each of its parts but one were empty."""
    ids = [f"r{number}" for number in range(8_000)]
    of_first = [one for one in ids if shard_number(one, 4) == 0]
    parts = [int(share(of_first, 4, number).sum()) for number in range(4)]
    assert min(parts) > 0.8 * len(of_first) / 4


@pytest.mark.parametrize("shards", [0, -1, SHARDS_MAX + 1])
def test_a_number_of_shards_has_limits(shards: int) -> None:
    """Beyond them nothing is created."""
    with pytest.raises(InvalidArgument) as refused:
        NamespaceSettings(8, shards=shards)
    assert refused.value.field == "shards"


def test_key_values_have_no_shards() -> None:
    """A namespace that holds nothing else is told so, rather than given shards that mean nothing."""
    with pytest.raises(InvalidArgument):
        NamespaceSettings(None, shards=4)


def test_a_namespace_from_before_there_were_shards_has_one() -> None:
    """Its stored document says nothing of them, and an unsharded one's still reads the same."""
    old = (
        b'{"tenant":"t","name":"n","generation":"g","created_at_ms":0,"dimension":8,"metric":"cosine",'
        b'"engine":"auto","precision":"f32"}'
    )
    assert decode_namespace(old) == namespace(1)
    assert encode_namespace(namespace(1)) == old
    assert decode_namespace(encode_namespace(namespace(4))) == namespace(4)
