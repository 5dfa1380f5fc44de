"""What a search by words refuses, and when it gives up: nothing is answered in part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quartzdb.domain.deadline import ReadDeadline, within
from quartzdb.domain.errors import DeadlineExceeded, InvalidArgument
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.domain.text_fields import TextField
from quartzdb.domain.text_query import TextQuery, sparse_query
from quartzdb.services.record_rules import NewRecord
from quartzdb.storage.index.sparse_search import search_sparse
from quartzdb.storage.index.text import merged
from quartzdb.storage.index.text_search import search_text, statistics
from quartzdb.storage.index.view import View
from tests.embedded import embedded, fold


@pytest.fixture(params=["tail", "segment"])
def view(request: pytest.FixtureRequest, tmp_path: Path) -> View:
    """Six records, in the tail or in a segment."""
    site = embedded(tmp_path)
    database = site.open()
    settings = NamespaceSettings(2, text={"body": TextField()}, sparse=("splade",))
    namespace, _ = database.namespaces.create("t", "n", settings)
    records = [NewRecord(f"r{n}", np.ones(2, np.float32), {"body": f"wing{n} flow"}) for n in range(6)]
    database.records.upsert(namespace, records)
    if request.param == "segment":
        fold(database, site.clock, namespace)
    return database.readers.of(namespace).view()


def found(view: View, text: str) -> set[str]:
    query = TextQuery(text)
    return {match.id for match in search_text(view, query, statistics(view, query), 10, None).matches}


def test_a_prefix_that_stands_for_too_many_words_is_refused(
    view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than looked for in some of them, which would be another answer after each merge."""
    monkeypatch.setattr(merged, "PREFIX_WORDS_MAX", 5)
    with pytest.raises(InvalidArgument, match="begin with 'wing'") as refused:
        found(view, "flow wing*")
    assert refused.value.field == "query"
    assert "more of the word" in (refused.value.hint or "")
    assert found(view, "wing3*") == {"r3"}
    monkeypatch.setattr(merged, "PREFIX_WORDS_MAX", 6)
    assert found(view, "wing*") == {f"r{n}" for n in range(6)}


def test_what_is_not_declared_cannot_be_searched(view: View) -> None:
    """The error names what there is."""
    with pytest.raises(InvalidArgument, match="'title' is no text field") as text:
        statistics(view, TextQuery("flow", fields={"title": 1.0}))
    assert text.value.hint == "Its text fields are body."
    with pytest.raises(InvalidArgument, match="'body' is no sparse field") as sparse:
        search_sparse(view, sparse_query("body", [1], [1.0]), 10, None)
    assert sparse.value.hint == "Its sparse fields are splade."


def test_a_search_gives_up_at_its_deadline(view: View) -> None:
    """Both steps look at it between words and sources."""
    query = TextQuery("flow wing1")
    known = statistics(view, query)
    with within(ReadDeadline(lambda: 11.0, 10.0, 5.0)):
        with pytest.raises(DeadlineExceeded):
            statistics(view, query)
        with pytest.raises(DeadlineExceeded):
            search_text(view, query, known, 10, None)
        with pytest.raises(DeadlineExceeded):
            search_sparse(view, sparse_query("splade", [1], [1.0]), 10, None)
