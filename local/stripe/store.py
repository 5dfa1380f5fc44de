"""All objects, by kind and id, each as its JSON. A request changes all that it changes, or nothing.

A name that begins with `_` is for this server and never shown.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.stripe.errors import no_such

Object = dict[str, Any]
_GONE = None


class Store:
    """In memory, and in a file too where one is named; raises ValueError where that is another's.

    HAZARD: one thread only.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._kinds: dict[str, dict[str, Object]] = {}
        self._before: dict[tuple[str, str], Object | None] | None = None
        if file is not None and file.exists():
            try:
                self._kinds = json.loads(file.read_text())
            except ValueError as error:
                raise ValueError(f"{file} is no state that this server wrote: {error}") from error

    def all(self, kind: str) -> Mapping[str, Object]:
        """By id, the oldest first."""
        return self._kinds.setdefault(kind, {})

    def find(self, kind: str, identity: str) -> Object | None:
        """To be read only."""
        return self.all(kind).get(identity)

    def get(self, kind: str, identity: str, *, param: str = "id", status: int = 404) -> Object:
        """To be read only. Raises Refused where there is none."""
        found = self.find(kind, identity)
        if found is None:
            raise no_such(kind.rpartition(".")[2].replace("_", " "), identity, param, status=status)
        return found

    def add(self, kind: str, stored: Object) -> Object:
        """A new one, under its `id`."""
        self._note(kind, stored["id"])
        self._kinds.setdefault(kind, {})[stored["id"]] = stored
        return stored

    def change(self, kind: str, identity: str) -> Object:
        """To be changed in place. Raises Refused where there is none."""
        found = self.get(kind, identity)
        self._note(kind, identity)
        return found

    def remove(self, kind: str, identity: str) -> None:
        """Raises Refused where there is none."""
        self.get(kind, identity)
        self._note(kind, identity)
        del self._kinds[kind][identity]

    @contextmanager
    def transaction(self, *, keep: bool = True) -> Iterator[None]:
        """What raises inside leaves nothing behind, and with `keep` false nothing does."""
        assert self._before is None, "one at a time"
        self._before = {}
        try:
            yield
        except BaseException:
            self._undo()
            raise
        if keep:
            if self._before and self._file is not None:
                self._save(self._file)
            self._before = None
        else:
            self._undo()

    def _note(self, kind: str, identity: str) -> None:
        assert self._before is not None, "changes belong into a transaction"
        if (kind, identity) not in self._before:
            self._before[kind, identity] = copy.deepcopy(self.all(kind).get(identity, _GONE))

    def _undo(self) -> None:
        assert self._before is not None
        for (kind, identity), before in self._before.items():
            if before is None:
                self._kinds[kind].pop(identity, None)
            else:
                # In place, so that the order stays.
                self._kinds[kind][identity] = before
        self._before = None

    def _save(self, file: Path) -> None:
        fresh = file.with_name(f"{file.name}.new")
        fresh.write_text(json.dumps(self._kinds))
        os.replace(fresh, file)
