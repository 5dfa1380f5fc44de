"""The documents of two sites: what is written is read back the same, and nothing foreign gets past the limits."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quartzdb.domain.change import Delete, Patch, Upsert
from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.hlc import Version
from quartzdb.domain.merge import RecordState, apply, state_of
from quartzdb.domain.metric import Metric
from quartzdb.replication.ports import Applied, Digests, Entry, EntryPage, Feed, FeedPage, SharedNamespace
from quartzdb.replication.repair.present_state import changes_of
from quartzdb.replication.wire.api_key_document import api_key_document, parse_api_keys
from quartzdb.replication.wire.change_document import encoded_change, parse_changes
from quartzdb.replication.wire.namespace_document import namespace_document, parse_namespaces
from quartzdb.replication.wire.page_document import (
    applied_document,
    fetched_document,
    page_document,
    parse_applied,
    parse_fetched,
    parse_page,
)
from quartzdb.replication.wire.state_document import (
    digests_document,
    entries_document,
    parse_digests,
    parse_entries,
)
from quartzdb.services.ports import ApiKey
from quartzdb.storage.index.segments.outline import UNHEARD_OF, outline_of
from quartzdb.storage.ports import Item
from tests.properties.strategies import changes, metadata, vectors, versions

_versions = st.builds(
    Version, st.integers(0, (1 << 63) - 1), st.from_regex(r"[a-zA-Z0-9._-]{1,64}", fullmatch=True)
)
_records = st.one_of(
    st.builds(Upsert, st.text(), _versions, vectors, metadata),
    st.builds(Patch, st.text(), _versions, metadata, st.just(())),
    st.builds(
        Patch, st.text(), _versions, st.just({}), st.lists(st.text(max_size=9), unique=True).map(tuple)
    ),
    st.builds(Delete, st.text(), _versions),
)
_items = st.builds(
    Item,
    st.text(),
    _versions,
    st.just(0),
    st.binary(),
    st.text(),
    st.none() | st.integers(0, (1 << 53) - 1),
) | st.builds(Item, st.text(), _versions, st.just(0), st.none())
_documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["op", "id", "key", "version", "vector", "metadata", "set", "unset", "value", "changes"]
            )
            | st.text(max_size=3),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


def sent(document: object) -> Any:
    """What the other side reads."""
    return orjson.loads(orjson.dumps(document))


def same(one: object, other: object) -> bool:
    if isinstance(one, Upsert) and isinstance(other, Upsert):
        vectors_agree = one.vector.tobytes() == other.vector.tobytes()
        return vectors_agree and (one.id, one.version, one.metadata) == (
            other.id,
            other.version,
            other.metadata,
        )
    return one == other


@given(st.lists(_records, max_size=5))
def test_changes_of_records_are_read_back(written: list[Any]) -> None:
    """Ids and fields of any text, numbers to the last bit."""
    read = parse_changes([orjson.loads(encoded_change(one)) for one in written], Feed.RECORDS)
    assert all(map(same, written, read))
    page = parse_page(sent(page_document(FeedPage(written, "c", True, 7))), Feed.RECORDS)
    assert all(map(same, written, page.changes))
    assert page[1:] == ("c", True, 7)
    assert all(map(same, written, parse_fetched(sent(fetched_document(written, False)), Feed.RECORDS)[0]))


@given(st.lists(_items, max_size=5))
def test_changes_of_keys_are_read_back(written: list[Item]) -> None:
    """Any bytes."""
    assert parse_changes([orjson.loads(encoded_change(one)) for one in written], Feed.KEYS) == written


@given(_documents, st.sampled_from(Feed))
def test_whatever_comes_is_read_or_refused(document: object, feed: Feed) -> None:
    """With no other error than the one that names a place."""
    for parse in (
        lambda: parse_changes(document, feed),
        lambda: parse_page(document, feed),
        lambda: parse_entries(document),
        lambda: parse_digests(document),
        lambda: parse_namespaces(document),
        lambda: parse_api_keys(document),
        lambda: parse_applied(document),
    ):
        with suppress(InvalidArgument):
            parse()


@given(
    st.lists(
        st.builds(
            Entry,
            st.text(),
            st.none() | _versions,
            st.dictionaries(st.text(max_size=9), _versions, max_size=3),
            st.booleans(),
        ),
        max_size=5,
    )
)
def test_entries_are_read_back(entries: list[Entry]) -> None:
    """With and without a base."""
    assert parse_entries(sent(entries_document(EntryPage(entries, True)))) == EntryPage(entries, True)


def test_the_rest_is_read_back() -> None:
    """Digests, namespaces, API keys, and what applying came to."""
    digests = Digests([(number, number << 32) for number in range(256)], 7)
    assert parse_digests(sent(digests_document(digests))) == digests
    declared = '{"sparse":["s"],"text":{"body":{"language":"of a later release"}}}'
    shared = [
        SharedNamespace("t", "n", None, Metric.DOT),
        SharedNamespace("t", "m", 4_096, Metric.COSINE),
        SharedNamespace("t", "o", None, Metric.COSINE, declared),
    ]
    document = {"site": "here", "namespaces": [namespace_document(one) for one in shared]}
    assert parse_namespaces(sent(document)) == ("here", shared)
    keys = [
        ApiKey("a", "t", "n", frozenset({"read"}), bytes(range(32)), 1),
        ApiKey("b", "t", "n", frozenset({"read", "admin"}), bytes(32), 1, 2, 3),
        ApiKey("c", "t", "n", frozenset({"read"}), bytes(32), 1, None, None, frozenset({"x", "y"}), "a"),
    ]
    assert parse_api_keys(sent([api_key_document(key) for key in keys])) == keys
    assert parse_applied(sent(applied_document(Applied(1, 2)))) == Applied(1, 2)


@pytest.mark.parametrize("count", [255, 257])
def test_there_are_256_digests(count: int) -> None:
    """No fewer and no more."""
    with pytest.raises(InvalidArgument):
        parse_digests({"digests": [[0, 0]] * count, "through_ms": 1})


@given(st.lists(changes(ids=("a",)), max_size=8))
def test_an_outline_is_what_merging_leaves_of_the_versions(written: list[Any]) -> None:
    """Change by change, and joined from any two halves; what changes nothing there changes nothing here."""
    state, outline = RecordState(), UNHEARD_OF
    for change in written:
        next_state, next_outline = apply(state, change), outline.after(change)
        assert (next_state is state) == (next_outline is outline)
        state, outline = next_state, next_outline
        assert outline == outline_of(state)
    joined = UNHEARD_OF
    for change in reversed(written):
        joined = joined.joined(outline_of(state_of(change)))
    assert joined == outline


@given(st.lists(changes(ids=("a",)), max_size=8), versions)
def test_the_changes_of_a_state_make_it_again(written: list[Any], other: Version) -> None:
    """From nothing, and over anything that it already had."""
    state = RecordState()
    for change in written:
        state = apply(state, change)
    for start in (RecordState(), *(state_of(change) for change in written)):
        again = start
        for change in changes_of("a", state):
            again = apply(again, change)
        assert (again.base, again.live, again.patches) == (state.base, state.live, state.patches)
        assert again.visible_metadata() == state.visible_metadata()
        assert state.vector is None or np.array_equal(again.vector, state.vector)  # type: ignore[arg-type]
