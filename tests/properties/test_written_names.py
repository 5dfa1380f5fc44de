"""What a write names is found in all of its body or in its beginning, and is never something else."""

from __future__ import annotations

import json
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from quartzdb.routing.edge.written_names import paths_by_name

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
others = st.dictionaries(
    st.text(max_size=6).filter(lambda name: name not in {"id", "key", "vectors"}), values
)
kinds = st.sampled_from([("/api/put", "key"), ("/api/vector/insert", "id"), ("/api/vector/delete", "id")])


@given(kinds, names, others, st.booleans())
def test_the_name_is_found_in_a_whole_body(
    kind: tuple[str, str], name: str, rest: dict[str, object], first: bool
) -> None:
    """Wherever it stands, and written as the path's last part."""
    path, field = kind
    document = {field: name, **rest} if first else {**rest, field: name}
    (found,) = paths_by_name(path, json.dumps(document).encode(), whole=True) or []
    assert found.startswith(f"{path}/")
    assert unquote(found.removeprefix(f"{path}/")) == name
    assert "/" not in found.removeprefix(f"{path}/")


@given(kinds, names, others, st.data(), st.booleans())
def test_of_a_body_that_is_cut_the_name_is_the_true_one_or_none(
    kind: tuple[str, str], name: str, rest: dict[str, object], data: st.DataObject, ascii_only: bool
) -> None:
    """Wherever the cut is: in the name, in a character, in a number."""
    path, field = kind
    body = json.dumps({**rest, field: name}, ensure_ascii=ascii_only).encode("utf-8", "replace")
    cut = body[: data.draw(st.integers(0, len(body)))]
    found = paths_by_name(path, cut, whole=False)
    assert found is None or [unquote(each.removeprefix(f"{path}/")) for each in found] == [name]


@given(kinds, names)
def test_a_name_at_the_beginning_is_found_before_a_cut(kind: tuple[str, str], name: str) -> None:
    """Which is where clients put it."""
    path, field = kind
    body = json.dumps({field: name, "value": "x" * 100}).encode()[:-50]
    (found,) = paths_by_name(path, body, whole=False) or []
    assert unquote(found.removeprefix(f"{path}/")) == name


@given(st.lists(names, min_size=1, max_size=5))
def test_a_batch_names_each_record_once(ids: list[str]) -> None:
    """A whole one; of one that is cut nobody knows who is missing."""
    body = json.dumps({"vectors": [{"id": each, "vector": [1]} for each in ids]}).encode()
    found = paths_by_name("/api/vector/batch-insert", body, whole=True) or []
    assert [unquote(each.removeprefix("/api/vector/insert/")) for each in found] == list(dict.fromkeys(ids))
    assert paths_by_name("/api/vector/batch-insert", body, whole=False) is None


@given(
    st.sampled_from(["/api/put", "/api/vector/insert", "/api/vector/batch-insert", "/x"]),
    st.binary(max_size=40),
)
def test_nonsense_names_nothing(path: str, body: bytes) -> None:
    """And raises nothing."""
    assert paths_by_name(path, body, whole=True) is None
    assert paths_by_name(path, body, whole=False) is None
    assert paths_by_name(path, b'{"key":' + b"[" * 100_000, whole=False) is None


def test_a_deletion_has_its_name_in_the_path() -> None:
    """Encoded as it came."""
    for path in ("/api/delete/a%2Fb", "/api/vector/delete/a"):
        assert paths_by_name(path, b"", whole=True) == [path]
