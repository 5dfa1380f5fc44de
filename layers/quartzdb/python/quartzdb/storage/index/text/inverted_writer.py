"""Writes the inverted index of a segment: rows come in order, and words are put in theirs at the end."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from quartzdb.domain.text_fields import TextField
from quartzdb.storage.index.text.analysis import ANALYSER_VERSION
from quartzdb.storage.index.text.dictionary import BlockPlace
from quartzdb.storage.index.text.inverted_head import FieldHead, InvertedHead
from quartzdb.storage.index.text.occurrences import SparseOccurrences, TextOccurrences
from quartzdb.storage.index.text.sections import Section, Sections


class InvertedWriter:
    """Of the fields that a namespace declares. It writes two files; what waits goes into `workspace`."""

    def __init__(
        self,
        head: Path,
        postings: Path,
        workspace: Path,
        text: Mapping[str, TextField],
        sparse: Sequence[str],
    ) -> None:
        self._head = head
        self._postings = postings
        self._workspace = workspace
        self._fields: list[TextOccurrences | SparseOccurrences] = [
            *(TextOccurrences(workspace, name, field) for name, field in sorted(text.items())),
            *(SparseOccurrences(workspace, name) for name in sorted(sparse)),
        ]
        self._rows = 0

    def add(self, metadata: Mapping[str, Any]) -> None:
        """The next row."""
        for one in self._fields:
            one.add(metadata)
        self._rows += 1

    def close(self) -> None:
        """Let go of the files; finished or not."""
        for one in self._fields:
            one.close()

    def finish(self) -> None:
        """Write everything."""
        sections = Sections(
            *(Section(self._workspace / name) for name in ("lengths", "blocks", "lists", "places"))
        )
        try:
            fields = [one.written(sections) for one in self._fields]
        finally:
            for section in sections.in_order:
                section.close()
        with self._postings.open("wb") as whole:
            for section in sections.in_order:
                with section.path.open("rb") as part:
                    shutil.copyfileobj(part, whole, 1 << 20)
        blocks = sections.lengths.size
        lists = blocks + sections.blocks.size
        places = lists + sections.lists.size
        moved = [_moved(one, blocks, lists, places) for one in fields]
        head = InvertedHead(self._rows, ANALYSER_VERSION, lists, moved)
        self._head.write_bytes(head.encode())


def _moved(field: FieldHead, blocks: int, lists: int, places: int) -> FieldHead:
    """With places in the whole file."""
    placed = [
        BlockPlace(one.start + blocks, one.length, one.lists + lists, one.places + places)
        for one in field.blocks
    ]
    return replace(field, blocks=placed)
