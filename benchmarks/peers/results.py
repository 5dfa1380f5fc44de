"""The figures of a run, in a JSON file that is written after every step, so that a run can be taken up again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Results:
    """`about` describes the run; a record holds one peer's figures. Kept in memory alone without a path."""

    def __init__(self, about: Mapping[str, Any], path: Path | None = None) -> None:
        self._path = path
        kept: dict[str, Any] = {}
        if path is not None and path.exists():
            kept = json.loads(path.read_text())
            before = {name: kept["about"].get(name) for name in ("data", "rows")}
            now = {name: about.get(name) for name in ("data", "rows")}
            if before != now:
                raise ValueError(f"{path} is of another set: {before}, not {now}. Name another file.")
        self.about: dict[str, Any] = {**kept.get("about", {}), **about}
        self.records: dict[str, dict[str, Any]] = kept.get("peers", {})

    @staticmethod
    def read(path: Path) -> Results:
        """What is in a file."""
        return Results(json.loads(path.read_text())["about"], path)

    def record(self, name: str) -> dict[str, Any]:
        """A peer's figures, to be read."""
        return self.records.setdefault(name, {})

    def begin(self, name: str, of: str) -> None:
        """Before a peer is measured: forget what failed, and everything where it is not `of` the present version."""
        record = self.record(name)
        if record.get("of", of) != of:
            record.clear()
        record.pop("reasons", None)
        record["of"] = of

    def note(self, name: str, **figures: Any) -> None:
        """Figures of a peer."""
        self.record(name).update(figures)
        self.save()

    def note_in(self, name: str, part: str, key: str, value: Any) -> None:
        """One entry of a part of a peer's figures."""
        self.record(name).setdefault(part, {})[key] = value
        self.save()

    def note_race(self, name: str, case: str, kind: str, figures: Mapping[str, float]) -> None:
        """One more round."""
        rounds = self.record(name).setdefault("races", {}).setdefault(case, {}).setdefault(kind, [])
        rounds.append(dict(figures))
        self.save()

    def document(self) -> dict[str, Any]:
        """All of it."""
        return {"about": self.about, "peers": self.records}

    def save(self) -> None:
        """Write the file, whole or not at all."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._path.with_suffix(".part")
        scratch.write_text(json.dumps(self.document(), indent=1))
        os.replace(scratch, self._path)
