"""Metadata is refused, with its place, where it is no JSON object or too large, and accepted up to its limits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from quartzdb.domain.errors import InvalidMetadata
from quartzdb.domain.limits import METADATA_BYTES_MAX, METADATA_DEPTH_MAX
from quartzdb.domain.metadata import check_metadata


def nested(levels: int, array: bool = False) -> dict[str, Any]:
    """An object with so many levels of objects or arrays, itself included."""
    inner: Any = 1
    for _ in range(levels - 1):
        inner = [inner] if array else {"a": inner}
    return {"a": inner}


@pytest.mark.parametrize(
    ("document", "field", "says"),
    [
        (None, "metadata", "not null"),
        ([], "metadata", "not an array"),
        ("x", "metadata", "not a string"),
        ({1: 2}, "metadata", "Keys are strings"),
        ({"a": {None: 2}}, "metadata.a", "Keys are strings"),
        ({"a": [1, {"b": float("nan")}]}, "metadata.a[1].b", "finite"),
        ({"a": float("-inf")}, "metadata.a", "finite"),
        ({"a": 2**64}, "metadata.a", "64-bit"),
        ({"a": -(2**63) - 1}, "metadata.a", "64-bit"),
        ({"a": "\ud800"}, "metadata.a", "surrogate"),
        ({"a": {"\udfff": 1}}, "metadata.a", "surrogate"),
        ({"a": b"bytes"}, "metadata.a", "not something of type bytes"),
        ({"a": {1, 2}}, "metadata.a", "not something of type set"),
        ({"a": "x" * METADATA_BYTES_MAX}, "metadata", f"at most {METADATA_BYTES_MAX}"),
        (nested(METADATA_DEPTH_MAX + 1), "metadata" + ".a" * METADATA_DEPTH_MAX, "32 levels"),
        (
            nested(METADATA_DEPTH_MAX + 1, array=True),
            "metadata.a" + "[0]" * (METADATA_DEPTH_MAX - 1),
            "32 levels",
        ),
        (nested(100_000), "metadata" + ".a" * METADATA_DEPTH_MAX, "32 levels"),
        (nested(100_000, array=True), "metadata.a" + "[0]" * (METADATA_DEPTH_MAX - 1), "32 levels"),
    ],
)
def test_unfit_metadata_is_explained(document: object, field: str, says: str) -> None:
    """The error says what is wrong and where, however deep it is nested."""
    with pytest.raises(InvalidMetadata) as caught:
        check_metadata(document)
    assert caught.value.code == "invalid_metadata"
    assert caught.value.field == field
    assert says in caught.value.message


def test_the_place_is_named_from_the_callers_field() -> None:
    """In a batch the error names the record."""
    with pytest.raises(InvalidMetadata) as caught:
        check_metadata({"a": [None, float("inf")]}, field="vectors[3].metadata")
    assert caught.value.field == "vectors[3].metadata.a[1]"


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"": None, "a.b": True, "$odd": "𝒳", "n": [2**64 - 1, -(2**63), -0.0, 1.7e308, [], {}]},
        nested(METADATA_DEPTH_MAX),
        nested(METADATA_DEPTH_MAX, array=True),
        {"a": "x" * (METADATA_BYTES_MAX - len('{"a":""}'))},
        {"a": "é" * ((METADATA_BYTES_MAX - len('{"a":""}')) // 2)},
    ],
    ids=lambda document: str(document)[:40],
)
def test_fit_metadata_is_returned_as_it_is(document: dict[str, Any]) -> None:
    """Up to the last byte and the last level."""
    assert check_metadata(document) is document


def test_a_known_size_is_trusted() -> None:
    """The caller that has the encoded bytes at hand need not pay for encoding them again."""
    document = {"a": "x"}
    check_metadata(document, encoded_bytes=METADATA_BYTES_MAX)
    with pytest.raises(InvalidMetadata, match="bytes as JSON"):
        check_metadata(document, encoded_bytes=METADATA_BYTES_MAX + 1)


def test_one_byte_over_is_refused() -> None:
    """The size is that of compact UTF-8 JSON, not of escapes."""
    document = {"a": "é" * ((METADATA_BYTES_MAX - len('{"a":""}')) // 2) + "x"}
    size = len(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())
    assert size == METADATA_BYTES_MAX + 1
    with pytest.raises(InvalidMetadata):
        check_metadata(document)
