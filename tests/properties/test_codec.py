"""A log entry reads back as it was written, and damage is noticed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quartzdb.domain.change import OWN, Change, Delete, Patch, Upsert
from quartzdb.domain.errors import Corrupted
from quartzdb.domain.hlc import Version
from quartzdb.storage.log.codec import decode_entry, encode_entry
from tests.properties.strategies import IDS, metadata, vectors, versions


@st.composite
def any_change(draw: st.DrawFn) -> Change:
    """Any change with any metadata."""
    record_id, version = draw(st.sampled_from(IDS)), draw(versions)
    kind = draw(st.sampled_from("upd"))
    if kind == "u":
        return Upsert(record_id, version, draw(vectors), draw(metadata))
    if kind == "p":
        return Patch(
            record_id, version, draw(metadata), tuple(draw(st.lists(st.sampled_from("xyz"), unique=True)))
        )
    return Delete(record_id, version)


def parts(change: Change) -> tuple[object, ...]:
    """A change in comparable parts."""
    if isinstance(change, Upsert):
        return ("u", change.id, change.version, change.vector.tobytes(), dict(change.metadata))
    if isinstance(change, Patch):
        return ("p", change.id, change.version, dict(change.set), change.unset)
    return ("d", change.id, change.version)


@given(st.lists(any_change(), min_size=1, max_size=8), versions)
def test_an_entry_reads_back(written: list[Change], version: Version) -> None:
    """Foreign versions included: they are what replication keeps."""
    read = decode_entry(encode_entry(written), version)
    assert [parts(change) for change in read] == [parts(change) for change in written]


@given(st.lists(any_change(), min_size=1, max_size=8), versions)
def test_what_is_born_with_the_entry_gets_its_version(written: list[Change], version: Version) -> None:
    """One encoding serves every attempt to commit it."""
    newborn = [replace(change, version=OWN) for change in written]
    read = decode_entry(encode_entry(newborn), version)
    assert [parts(change) for change in read] == [
        parts(replace(change, version=version)) for change in written
    ]


@given(st.lists(any_change(), min_size=1, max_size=4), versions, st.data())
def test_a_shortened_entry_is_refused(written: list[Change], version: Version, data: st.DataObject) -> None:
    """Never half a batch."""
    body = encode_entry(written)
    cut = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(Corrupted):
        decode_entry(body[:cut], version)
