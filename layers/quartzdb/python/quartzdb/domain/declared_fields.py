"""Metadata fields that a namespace declares as text or as sparse vectors: what may be declared, and as a document.

The same document is in requests, catalogs, exports and what sites tell each other, so all of them read it here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from quartzdb.domain.errors import InvalidArgument, within_field
from quartzdb.domain.limits import DECLARED_NAME_PATTERN, SPARSE_FIELDS_MAX, TEXT_FIELDS_MAX
from quartzdb.domain.metadata import is_path, json_type
from quartzdb.domain.text_fields import TextField

_NAME = re.compile(DECLARED_NAME_PATTERN, re.DOTALL)


def parse_text(document: object, *, field: str = "text") -> Mapping[str, TextField]:
    """Text fields by name from {"title": {}, "body": {"language": "german"}}. Raises InvalidArgument."""
    if not isinstance(document, Mapping):
        raise InvalidArgument(
            f"Text fields are an object by name, not {json_type(document)}.",
            field=field,
            hint='Send {"title": {}, "body": {"language": "english"}}.',
        )
    return {
        name: _text_field(options, f"{field}.{_shown(name)}") for name, options in sorted(document.items())
    }


def parse_sparse(document: object, *, field: str = "sparse") -> tuple[str, ...]:
    """Names of sparse fields from a list. Raises InvalidArgument."""
    if (
        isinstance(document, str)
        or not isinstance(document, Sequence)
        or not all(isinstance(name, str) for name in document)
    ):
        raise InvalidArgument(
            f"Sparse fields are a list of names, not {json_type(document)}.",
            field=field,
            hint='Send ["splade"].',
        )
    return tuple(sorted(document))


def text_document(text: Mapping[str, TextField]) -> dict[str, dict[str, object]]:
    """The document that `parse_text` reads; the same fields always give the same."""
    return {
        name: {"language": one.language, "stemming": one.stemming, "stopwords": one.stopwords}
        for name, one in sorted(text.items())
    }


def check_declared(text: Mapping[str, TextField], sparse: Sequence[str]) -> None:
    """Raises InvalidArgument for more fields than there may be, names that no field has, and fields of both kinds."""
    for what, names, most in (("text", text, TEXT_FIELDS_MAX), ("sparse", sparse, SPARSE_FIELDS_MAX)):
        if len(names) > most:
            raise InvalidArgument(
                f"A namespace has at most {most} {what} fields, not {len(names)}.", field=what
            )
        for name in names:
            _check_name(name, what)
    if len(set(sparse)) < len(sparse):
        raise InvalidArgument("A sparse field is named twice.", field="sparse")
    both = sorted(text.keys() & set(sparse))
    if both:
        raise InvalidArgument(
            f"{_shown(both[0])!r} cannot be text and a sparse vector: it is one metadata field.",
            field="sparse",
        )


def _text_field(options: object, field: str) -> TextField:
    if not isinstance(options, Mapping):
        raise InvalidArgument(
            f"What is said of a text field is an object, not {json_type(options)}.",
            field=field,
            hint='Send {} for the usual, or {"language": "german"}.',
        )
    given: dict[str, Any] = dict(options)
    for name, value in given.items():
        if name == "language":
            fits, kind = isinstance(value, str), "a string"
        elif name in ("stemming", "stopwords"):
            fits, kind = isinstance(value, bool), "true or false"
        else:
            raise InvalidArgument(
                f"{_shown(name)!r} is nothing that can be said of a text field.",
                field=f"{field}.{_shown(name)}",
                hint="Known are language, stemming and stopwords.",
            )
        if not fits:
            raise InvalidArgument(f"`{name}` is {kind}, not {json_type(value)}.", field=f"{field}.{name}")
    with within_field(field):
        return TextField(**given)


def _check_name(name: str, field: str) -> None:
    if not is_path(name) or not _NAME.fullmatch(name):
        raise InvalidArgument(
            f"{_shown(name)!r} cannot be declared: it is no name of a metadata field of its own.",
            field=field,
            hint="Name a top-level field of the metadata: no '.' in it, and no '$' before it.",
        )


def _shown(name: str) -> str:
    return name[:80].encode("utf-8", "replace").decode()
