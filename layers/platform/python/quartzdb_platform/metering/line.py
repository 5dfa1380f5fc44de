"""A usage line, as metering reads it. What wrote it is the database; nothing in it is trusted to be whole."""

from __future__ import annotations

import re
from typing import NamedTuple

import orjson

from quartzdb.domain.errors import QuartzError
from quartzdb_platform.domain.calendar import start_ms
from quartzdb_platform.domain.ids import is_id

VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9_.~-]{0,80}")
_NUMBER_MAX = 2**53 - 1
_EARLIEST_MS, _LATEST_MS = start_ms("2020-01"), start_ms("2100-01")


class Malformed(QuartzError):
    """A line is cut short, or is none."""

    code = "malformed_line"


class Line(NamedTuple):
    """One request of a project. `key` and `namespace` are empty where it had none."""

    project_id: str
    at_ms: int
    key: str
    namespace: str
    operation: str
    status: int
    milliseconds: float
    bytes_in: int
    bytes_out: int
    records: int
    read_units: int
    write_units: int


def line_of(text: bytes | str) -> Line | None:
    """The line; None for a request that was no project's: of another tenant, or of nobody. Raises Malformed."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Malformed("A usage line is not JSON: it was cut short, or is none.") from error
    if not isinstance(document, dict) or document.get("v") != VERSION:
        raise Malformed(f"A usage line is not one of version {VERSION}.")
    project_id = document.get("tenant", "")
    if not isinstance(project_id, str) or not is_id(project_id, "prj"):
        return None
    at_ms = _whole(document, "at")
    if not _EARLIEST_MS <= at_ms < _LATEST_MS:
        raise Malformed("A usage line has a time that cannot be.")
    return Line(
        project_id,
        at_ms,
        _name(document, "key"),
        _name(document, "namespace"),
        _name(document, "op"),
        _whole(document, "status"),
        _milliseconds(document),
        _whole(document, "in"),
        _whole(document, "out"),
        _whole(document, "records"),
        _whole(document, "read_units"),
        _whole(document, "write_units"),
    )


def _whole(document: dict[str, object], name: str) -> int:
    value = document.get(name, 0)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _NUMBER_MAX:
        raise Malformed(f"{name} of a usage line is no number of such a thing.", field=name)
    return value


def _name(document: dict[str, object], name: str) -> str:
    value = document.get(name, "")
    # It becomes part of a sort key, so it has no separator.
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise Malformed(f"{name} of a usage line is no name.", field=name)
    return value


def _milliseconds(document: dict[str, object]) -> float:
    value = document.get("ms", 0)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _NUMBER_MAX:
        raise Malformed("ms of a usage line is no time.", field="ms")
    return float(value)
