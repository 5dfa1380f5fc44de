"""Records from JSON lines: {"id": …, "vector": [numbers] or base64, "metadata": {…}}."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from quartzdb.cli.importing.source import BadLine, ImportLine, SourceRecord, open_source
from quartzdb.domain.errors import QuartzError
from quartzdb.domain.vector import parse_vector


class JsonLines:
    """Positions are line numbers. Empty lines are passed over."""

    total: int | None = None

    def __init__(self, path: Path, *, id_field: str = "id", vector_field: str = "vector") -> None:
        self._path = path
        self._id_field = id_field
        self._vector_field = vector_field

    def lines(self, after: int) -> Iterator[ImportLine]:
        """What follows line number `after`."""
        for number, text in numbered_lines(self._path, after):
            try:
                content: SourceRecord | BadLine = self._record(text)
            except BadLine as bad:
                content = bad
            yield ImportLine(number, number, content)

    def _record(self, text: bytes) -> SourceRecord:
        document = json_object(text)
        record_id = document.pop(self._id_field, None)
        vector = document.pop(self._vector_field, None)
        metadata = document.pop("metadata", None)
        metadata = {} if metadata is None else metadata
        if record_id is None or vector is None:
            missing = self._id_field if record_id is None else self._vector_field
            raise BadLine(
                f"there is no {missing!r}", hint="Name the fields with --id-column and --vector-column."
            )
        if document:
            raise BadLine(
                f"{sorted(document)[0]!r} is no field of a record",
                hint=f'A line has "{self._id_field}", "{self._vector_field}" and "metadata", and nothing else.',
            )
        if isinstance(record_id, int) and not isinstance(record_id, bool):
            record_id = str(record_id)
        try:
            return SourceRecord(record_id, parse_vector(vector, field=self._vector_field), metadata)
        except QuartzError as error:
            raise BadLine.of(error) from error


def numbered_lines(path: Path, after: int) -> Iterator[tuple[int, bytes]]:
    """Lines that are not empty, by number from 1, after a number."""
    with open_source(path) as file:
        for number, text in enumerate(file, start=1):
            if number > after and text.strip():
                yield number, text


def json_object(text: bytes) -> dict[str, Any]:
    """A line's JSON object. Raises BadLine."""
    try:
        document = orjson.loads(text)
    except ValueError as error:
        raise BadLine(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise BadLine(f"a JSON {type(document).__name__}, not an object")
    return document
