"""What is measured: this database through the seam that its services use, and three others as they come."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.domain.text_fields import TextField
from quartzdb.domain.text_query import TextQuery
from quartzdb.domain.vector import NO_VECTOR
from quartzdb.services.record_rules import NewRecord
from quartzdb.storage.index.segments.segment_files import INVERTED_FILE, POSTINGS_FILE
from quartzdb.storage.index.text_search import search_text, statistics
from quartzdb.wiring.embedded import EmbeddedSettings, assemble, embedded_adapters

_BATCH = 1_000
_WORD = re.compile(r"\w+")


class Contender(Protocol):
    """An index over texts (title, text), each known by its number."""

    name: str

    def build(self, documents: Sequence[tuple[str, str]], directory: Path) -> None:
        """Make the index, in files there."""
        ...

    def search(self, question: str, count: int) -> list[int]:
        """The best documents, best first."""
        ...

    @property
    def index_bytes(self) -> int:
        """What it takes on disk beside the texts themselves."""
        ...


class QuartzDB:
    """Written through the log, folded into one segment, searched over a view."""

    def __init__(
        self, name: str, *, one_field: bool = False, weights: dict[str, float] | None = None
    ) -> None:
        self.name = name
        self._one_field = one_field
        self._weights = weights

    def build(self, documents: Sequence[tuple[str, str]], directory: Path) -> None:
        adapters = embedded_adapters(EmbeddedSettings(directory))
        self._database = assemble(adapters, writer="local.benchmark", workspace=directory / "building")
        fields = ("text",) if self._one_field else ("title", "text")
        settings = NamespaceSettings(text=dict.fromkeys(fields, TextField()))
        self._namespace, _ = self._database.namespaces.create("benchmark", "texts", settings)
        for start in range(0, len(documents), _BATCH):
            some = documents[start : start + _BATCH]
            self._database.records.upsert(
                self._namespace,
                [NewRecord(str(n), NO_VECTOR, self._metadata(*one)) for n, one in enumerate(some, start)],
            )
        self._database.indexer.fold(self._namespace, advance=True)
        self._database.readers.of(self._namespace).reload()

    def search(self, question: str, count: int) -> list[int]:
        view = self._database.readers.of(self._namespace).view(strong=False)
        query = TextQuery(question, fields=self._weights)
        found = search_text(view, query, statistics(view, query), count, None, with_metadata=False)
        return [int(match.id) for match in found.matches]

    @property
    def index_bytes(self) -> int:
        pointer = self._database.store.pointer(self._namespace.partition)
        assert pointer is not None, "nothing was folded"
        segments = self._database.store.manifest(pointer.current).segments
        return sum(one.files[name].size for one in segments for name in (INVERTED_FILE, POSTINGS_FILE))

    def _metadata(self, title: str, text: str) -> dict[str, str]:
        return {"text": f"{title} {text}".strip()} if self._one_field else {"title": title, "text": text}


class Bm25s:
    """Its Lucene variant, with its English stop words and Snowball's stems. Knows no positions."""

    name = "bm25s"

    def build(self, documents: Sequence[tuple[str, str]], directory: Path) -> None:
        self._bm25s: Any = import_module("bm25s")
        self._stemmer = import_module("Stemmer").Stemmer("english")
        self._directory = directory
        self._index = self._bm25s.BM25(method="lucene")
        self._index.index(self._tokens([f"{title} {text}" for title, text in documents]), show_progress=False)
        self._index.save(str(directory))

    def search(self, question: str, count: int) -> list[int]:
        tokens = self._tokens([question])
        size = min(count, self._index.scores["num_docs"])
        numbers, scores = self._index.retrieve(tokens, k=size, show_progress=False)
        return [int(n) for n, score in zip(numbers[0], scores[0], strict=True) if score > 0]

    @property
    def index_bytes(self) -> int:
        return _size(self._directory)

    def _tokens(self, texts: Sequence[str]) -> Any:
        return self._bm25s.tokenize(texts, stopwords="en", stemmer=self._stemmer, show_progress=False)


class Tantivy:
    """Its tokenizer `en_stem`, with positions, one segment or few; nothing of the texts is stored."""

    name = "tantivy"

    def build(self, documents: Sequence[tuple[str, str]], directory: Path) -> None:
        tantivy: Any = import_module("tantivy")
        schema = tantivy.SchemaBuilder()
        schema.add_text_field("text", tokenizer_name="en_stem", index_option="position")
        schema.add_integer_field("number", stored=True)
        self._directory = directory
        self._index = tantivy.Index(schema.build(), path=str(directory))
        writer = self._index.writer(128_000_000, 1)
        for number, (title, text) in enumerate(documents):
            writer.add_document(tantivy.Document(text=f"{title} {text}", number=number))
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        self._searcher = self._index.searcher()

    def search(self, question: str, count: int) -> list[int]:
        query = self._index.parse_query(" ".join(_WORD.findall(question.lower())), ["text"])
        hits = self._searcher.search(query, count).hits
        return [int(self._searcher.doc(address)["number"][0]) for _, address in hits]

    @property
    def index_bytes(self) -> int:
        return _size(self._directory)


class Fts5:
    """SQLite's own, with Porter's stems, without the texts."""

    name = "SQLite FTS5"

    def build(self, documents: Sequence[tuple[str, str]], directory: Path) -> None:
        self._path = directory / "fts5.sqlite"
        self._connection = sqlite3.connect(self._path)
        self._connection.execute(
            "CREATE VIRTUAL TABLE texts USING fts5(text, content='', tokenize='porter unicode61')"
        )
        with self._connection:
            self._connection.executemany(
                "INSERT INTO texts (rowid, text) VALUES (?, ?)",
                ((number, f"{title} {text}") for number, (title, text) in enumerate(documents)),
            )
            self._connection.execute("INSERT INTO texts (texts) VALUES ('optimize')")
        self._connection.execute("VACUUM")

    def search(self, question: str, count: int) -> list[int]:
        words = " OR ".join(f'"{word}"' for word in _WORD.findall(question.lower()))
        found = self._connection.execute(
            "SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY rank LIMIT ?", (words, count)
        )
        return [int(number) for (number,) in found]

    @property
    def index_bytes(self) -> int:
        return self._path.stat().st_size


def _size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
