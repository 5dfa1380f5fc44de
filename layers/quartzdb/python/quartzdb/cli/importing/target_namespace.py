"""The namespace that an import writes to: the present one, or one that is created as the export says or the options do.

Whatever two of them contradict each other in is an error: a metric that changes on the way changes every answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quartzdb.cli.data_dir import find_namespace
from quartzdb.cli.export_header import ExportHeader, settings_of
from quartzdb.cli.failure import Failure
from quartzdb.cli.importing.begun_source import BegunSource

if TYPE_CHECKING:
    from quartzdb.domain.namespace import Namespace
    from quartzdb.wiring.embedded import Database

_OVERRIDE = "To have it otherwise than it was exported: --override-header"


def target_namespace(
    database: Database,
    name: str,
    *,
    records: BegunSource | None,
    header: ExportHeader | None,
    options: Mapping[str, Any],
    override: bool,
    create: bool,
    skip_bad: bool,
) -> Namespace:
    """`records` tells the dimension of a namespace that is created without a header; None: only key-values.

    `options` are settings by name, those that were given; with `override` they, and a namespace that is there, win over
    the header. Raises Failure.
    """
    from quartzdb.domain.namespace import NamespaceSettings, check_namespace_name
    from quartzdb.services.exported_lines import settings_document

    check_namespace_name(name)
    exported = header.settings if header else {}
    for setting, value in options.items():
        if exported.get(setting, value) != value and not override:
            raise Failure(
                f"The file was exported from a namespace with {_shown(setting, exported[setting])}, "
                f"but --{setting} says {value}.",
                hint=f"Leave --{setting} out. {_OVERRIDE}",
            )
    if database.catalog.get(database.tenant, name) is None:
        if not create:
            return find_namespace(database, name, hint="Have it created: --create")
        settings = NamespaceSettings()
        if header is not None:
            settings = settings_of({**exported, **options})
        elif records is not None:
            size = records.dimension(skip_bad=skip_bad)
            settings = settings_of(({"dimension": size} if size else {}) | dict(options))
            if not settings.holds_records:
                raise Failure(
                    "The first record has no vector, and nothing is declared that it could be found by.",
                    hint="Name fields to search as text, --text FIELD, or the column with the vector, --vector-column.",
                )
        return database.namespaces.create(database.tenant, name, settings)[0]
    namespace = find_namespace(database, name)
    if records is None:
        return namespace  # key-values are the same under any settings
    present: Mapping[str, Any] = {
        "text": {},
        "sparse": [],
        "key_history": False,
        **settings_document(namespace.settings),
    }
    for wanted, whose in (
        (options, "not"),
        ({} if override else exported, "but the file was exported from one with"),
    ):
        for setting, value in wanted.items():
            if present[setting] == value:
                continue
            hint = f"That is fixed at creation. Leave --{setting} out, or use another namespace."
            raise Failure(
                f"The namespace {name!r} has {_shown(setting, present[setting])}, {whose} "
                f"{value if whose == 'not' else _shown(setting, value)}.",
                hint=hint if whose == "not" else f"Use another namespace. {_OVERRIDE}",
            )
    return namespace


def _shown(setting: str, value: Any) -> str:
    if value is None or value is False or value in ({}, []):
        return f"no {setting}"
    if setting in ("text", "sparse"):
        return f"{setting} {', '.join(value)}"
    return f"{value} shards" if setting == "shards" else f"{setting} {value}"
