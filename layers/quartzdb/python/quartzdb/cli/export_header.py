"""The first line of an export: what was exported, and the settings of its namespace, so that an import can have them.

A Parquet file has the same in its metadata. Settings are written as they are named in NamespaceSettings. One that this
release does not know is kept apart, so that an import can say that it is lost. The line is told from a record by its
one field, which no record may have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, fields
from typing import TYPE_CHECKING, Any

import orjson

from quartzdb.cli.failure import Failure
from quartzdb.domain.values import dataclass

if TYPE_CHECKING:
    from quartzdb.domain.namespace import NamespaceSettings

KINDS = ("records", "kv")


@dataclass(frozen=True, slots=True)
class ExportHeader:
    """`kind` is records or kv; `settings` by name; `unknown` those that a later release may know."""

    kind: str
    namespace: str
    settings: Mapping[str, Any]
    unknown: Mapping[str, Any] = field(default_factory=dict)


def parse_header(line: bytes, number: int) -> ExportHeader | None:
    """The header, or None for a line that is none. Raises Failure for one that cannot be read."""
    from quartzdb.services.exported_lines import HEADER_FIELD

    if HEADER_FIELD.encode() not in line:
        return None
    try:
        whole = orjson.loads(line)
    except ValueError:
        return None
    if not isinstance(whole, dict) or set(whole) != {HEADER_FIELD}:
        return None
    hint = "Import the lines without it, with settings by options: tail -n +2 FILE | quartzdb import - …"
    return _read(whole[HEADER_FIELD], f"Line {number}, the header of an export,", hint)


def header_in_parquet(value: bytes) -> ExportHeader:
    """The header that stands in a Parquet file's key-value metadata. Raises Failure for one that cannot be read."""
    hint = "Write the file anew without its metadata, and import that with settings by options."
    try:
        document = orjson.loads(value)
    except ValueError:
        document = value
    return _read(document, "The header in the file's metadata", hint)


def _read(document: Any, where: str, hint: str) -> ExportHeader:
    from quartzdb.domain.namespace import NamespaceSettings
    from quartzdb.services.exported_lines import FORMAT

    try:
        if document["format"] != FORMAT:
            raise Failure(
                f"The export has format {document['format']}; this release reads format {FORMAT}.",
                hint="Import it with the release that wrote it, or a newer one.",
            )
        known = {one.name for one in fields(NamespaceSettings)}
        if document["kind"] not in KINDS:
            raise ValueError(f"there is no kind {document['kind']!r}")
        settings = dict(document["settings"])
        header = ExportHeader(
            str(document["kind"]),
            str(document["namespace"]),
            {name: value for name, value in settings.items() if name in known},
            {name: value for name, value in settings.items() if name not in known},
        )
        settings_of(header.settings)
    except (KeyError, TypeError, ValueError) as error:
        raise Failure(f"{where} cannot be read: {error}.", hint=hint) from error
    return header


def settings_of(named: Mapping[str, Any]) -> NamespaceSettings:
    """Settings by name; those not named are as ever. Raises ValueError, TypeError, InvalidArgument."""
    from quartzdb.domain.declared_fields import parse_sparse, parse_text
    from quartzdb.domain.metric import Metric
    from quartzdb.domain.namespace import EngineChoice, NamespaceSettings, Precision

    kinds: dict[str, Callable[[Any], Any]] = {
        "metric": Metric,
        "engine": EngineChoice,
        "precision": Precision,
        "text": parse_text,
        "sparse": parse_sparse,
    }
    typed: dict[str, Any] = {
        name: kinds[name](value) if name in kinds else value for name, value in named.items()
    }
    return NamespaceSettings(**typed)
