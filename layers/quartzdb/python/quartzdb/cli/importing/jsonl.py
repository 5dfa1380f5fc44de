"""Records from JSON lines: {"id": …, "vector": [numbers] or base64, "metadata": {…}, "expires_at_ms": unix ms}."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from quartzdb.cli.importing.line_file import LineFile
from quartzdb.cli.importing.source import BadLine, ImportLine, SourceRecord
from quartzdb.domain.errors import QuartzError
from quartzdb.domain.expiry import moment_in
from quartzdb.domain.metadata import json_type
from quartzdb.domain.vector import NO_VECTOR, parse_vector

_NAMES_SHOWN = 6


class JsonLines:
    """Positions are line numbers. Empty lines are passed over."""

    total: int | None = None

    def __init__(self, file: LineFile, *, id_field: str = "id", vector_field: str = "vector") -> None:
        self._file = file
        self._id_field = id_field
        self._vector_field = vector_field

    def lines(self, after: int) -> Iterator[ImportLine]:
        """What follows line number `after`."""
        for number, text in self._file.lines(after):
            try:
                content: SourceRecord | BadLine = self._record(text)
            except BadLine as bad:
                content = bad
            yield ImportLine(number, number, content)

    def _record(self, text: bytes) -> SourceRecord:
        document = json_object(text)
        names = ", ".join(map(repr, list(document)[:_NAMES_SHOWN])) or "nothing"
        record_id = document.pop(self._id_field, None)
        vector = document.pop(self._vector_field, None)
        metadata = document.pop("metadata", None)
        metadata = {} if metadata is None else metadata
        expires_at_ms = document.pop("expires_at_ms", None)
        # Where the namespace has none, a record goes without a vector; but another field may be meant for it.
        if record_id is None or (vector is None and document):
            missing = self._id_field if record_id is None else self._vector_field
            raise BadLine(
                f"there is no {missing!r}, but {names}",
                hint="Name the fields with --id-column and --vector-column.",
            )
        if document:
            raise BadLine(
                f"{sorted(document)[0]!r} is no field of a record",
                hint=f'A line has "{self._id_field}", "{self._vector_field}", "metadata" and "expires_at_ms", and '
                "nothing else.",
            )
        if isinstance(record_id, int) and not isinstance(record_id, bool):
            record_id = str(record_id)
        try:
            # Whether a record may go without, the namespace says.
            own = NO_VECTOR if vector is None else parse_vector(vector, field=self._vector_field)
            return SourceRecord(record_id, own, metadata, stored_moment(expires_at_ms))
        except QuartzError as error:
            raise BadLine.of(error) from error


def stored_moment(value: object) -> int | None:
    """A moment as exports have it. Raises BadLine."""
    moment = moment_in(value)
    if moment is None and value is not None:
        raise BadLine(
            f"expires_at_ms: {value!r} is no moment", hint="Write unix milliseconds, or leave it out."
        )
    return moment


def json_object(text: bytes) -> dict[str, Any]:
    """A line's JSON object. Raises BadLine."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadLine(f"not JSON: {json_problem(text, error)}", hint=_hint(text)) from error
    if not isinstance(document, dict):
        raise BadLine(f"{json_type(document)}, not a JSON object", hint=_hint(text))
    return document


def json_problem(text: bytes | str, error: orjson.JSONDecodeError) -> str:
    """What is wrong in a text of one line, and where. The parser's own words count lines, of which there is one."""
    if isinstance(text, bytes):
        try:
            text.decode()
        except UnicodeDecodeError as wrong:
            return f"byte {wrong.start + 1} is not UTF-8"
    return f"{error.msg}, at column {error.colno}"


def _hint(text: bytes) -> str | None:
    """For what is often taken for JSON lines: one array, or one object over many lines."""
    if text.lstrip()[:1] != b"[" and text.strip() != b"{":
        return None
    return "Each line is a JSON object of its own; jq -c '.[]' FILE makes lines of an array."
