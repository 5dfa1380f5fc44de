"""Building the demo: reads the docstrings, embeds them, and writes them through the ordinary services."""

from __future__ import annotations

import contextlib
import platform
import re
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from quartzdb.cli.demo.compiled import compiled_docstrings
from quartzdb.cli.demo.docstrings import Docstring, read_docstrings, source_files, standard_library
from quartzdb.cli.demo.embedding import DIMENSION, Embedder
from quartzdb.cli.full_compaction import fold_and_merge_all
from quartzdb.cli.output import notice
from quartzdb.cli.progress import progress
from quartzdb.domain.errors import KeyNotFound, NamespaceNotFound
from quartzdb.domain.limits import ID_BYTES_MAX
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.domain.text_fields import TextField
from quartzdb.domain.values import dataclass
from quartzdb.services.keyvalue import NewItem
from quartzdb.services.record_rules import NewRecord

if TYPE_CHECKING:
    from quartzdb.wiring.embedded import Database

NAMESPACE = "demo"
TEXT = {"summary": TextField(), "text": TextField()}
"""What is searched by words; the first paragraph is in both, and so counts more."""
EXAMPLES = (
    "split a string on commas",
    "parse command line arguments",
    "run a function in another thread",
    "compress a file with gzip",
    "make a temporary directory",
)
_BUILT_KEY = "demo/built"
"""Written last: a demo without it was broken off and is built again."""
_BATCH = 500
_SUMMARY_CHARACTERS_MAX = 300
_TEXT_CHARACTERS_MAX = 1_000
_WORD_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[._]+")


@dataclass(frozen=True, slots=True)
class BuiltDemo:
    """What was built, when it was."""

    records: int
    python: str
    read_seconds: float
    embed_seconds: float
    write_seconds: float
    settle_seconds: float


def find_demo(database: Database, tenant: str) -> tuple[Namespace, BuiltDemo] | None:
    """The demo's namespace, if it was built to the end, by a release that had all of it."""
    try:
        namespace = database.namespaces.get(tenant, NAMESPACE)
        if namespace.settings.text != TEXT:
            return None
        item = database.key_values.get(namespace, _BUILT_KEY)
        return namespace, BuiltDemo(**orjson.loads(item.value or b"{}"))
    except (NamespaceNotFound, KeyNotFound, TypeError, ValueError):
        return None


def build_demo(
    database: Database, tenant: str, embedder: Embedder, *, root: Path | None = None, quiet: bool = False
) -> tuple[Namespace, BuiltDemo]:
    """Build it anew, replacing an earlier one. `root` is a folder of Python sources; default: the standard library."""
    begun = time.monotonic()
    docstrings = _read(root, quiet=quiet)
    read = time.monotonic()
    notice(f"embedding {len(docstrings):,} docstrings with WordLlama, {DIMENSION} numbers each", quiet=quiet)
    vectors = embedder.embed([_embedded_text(docstring) for docstring in docstrings])
    embedded = time.monotonic()
    namespace = _fresh_namespace(database, tenant)
    records = [
        NewRecord(_record_id(docstring), vector, _metadata(docstring))
        for docstring, vector in zip(docstrings, vectors, strict=True)
        if vector.any()  # a docstring without a word has no direction
    ]
    with progress("writing", total=len(records), unit="records", quiet=quiet) as report:
        for start in range(0, len(records), _BATCH):
            database.records.upsert(namespace, records[start : start + _BATCH])
            report(min(start + _BATCH, len(records)))
    written = time.monotonic()
    # The demo is searchable already, from the tail. Folding it now shows how a database at rest is searched.
    fold_and_merge_all(database, namespace, say=lambda text: notice(text, quiet=quiet))
    settled = time.monotonic()
    built = BuiltDemo(
        records=len(records),
        python=platform.python_version(),
        read_seconds=round(read - begun, 3),
        embed_seconds=round(embedded - read, 3),
        write_seconds=round(written - embedded, 3),
        settle_seconds=round(settled - written, 3),
    )
    database.key_values.put(namespace, NewItem(_BUILT_KEY, orjson.dumps(asdict(built)), "application/json"))
    return namespace, built


def _read(root: Path | None, *, quiet: bool) -> list[Docstring]:
    folder = root or standard_library()
    files = len(source_files(folder))
    done = 0
    with progress("reading docstrings", total=files, unit="files", quiet=quiet) as report:

        def tick() -> None:
            nonlocal done
            done += 1
            report(done)

        found = {docstring.name: docstring for docstring in read_docstrings(folder, tick)}
    if root is None:
        for docstring in compiled_docstrings():
            found.setdefault(docstring.name, docstring)
    return [docstring for docstring in found.values() if len(docstring.name.encode()) <= ID_BYTES_MAX]


def _fresh_namespace(database: Database, tenant: str) -> Namespace:
    with contextlib.suppress(NamespaceNotFound):
        database.namespaces.delete(tenant, NAMESPACE)
    settings = NamespaceSettings(DIMENSION, Metric.COSINE, text=TEXT)
    namespace, _ = database.namespaces.create(tenant, NAMESPACE, settings)
    return namespace


def _embedded_text(docstring: Docstring) -> str:
    """The last two parts of the name as words, then the first paragraph: what one would say it does.

    Whole docstrings were worse: the first paragraph's words drown among examples and notes. So was the whole name.
    """
    words = _WORD_BOUNDARY.sub(" ", ".".join(docstring.name.split(".")[-2:])).lower()
    return f"{words}: {docstring.summary[:_SUMMARY_CHARACTERS_MAX]}"


def _record_id(docstring: Docstring) -> str:
    # "-" never comes in a Python name, so two names never share an id.
    return docstring.name.replace(".", "-")


def _metadata(docstring: Docstring) -> dict[str, str]:
    return {
        "name": docstring.name,
        "kind": docstring.kind,
        "module": docstring.module,
        "signature": docstring.signature[:_SUMMARY_CHARACTERS_MAX],
        "summary": docstring.summary[:_SUMMARY_CHARACTERS_MAX],
        "text": docstring.text[:_TEXT_CHARACTERS_MAX],
    }
