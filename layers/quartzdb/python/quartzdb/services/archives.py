"""Archives of what tenants have: ZIP files in a store, made in steps that any process may take, each once.

A step is known by its number. Whoever sends one again, because its answer was lost, has it answered and not done again.
HAZARD: two steps of one archive at the same time write one part twice. Whoever sends them keeps to one at a time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from quartzdb.domain.errors import InvalidArgument, NotFound
from quartzdb.services.ports import ArchiveStore
from quartzdb.services.tenant_export import TenantExport
from quartzdb.services.zip_stream import ZipStream

PART_BYTES = 16 * 1024 * 1024
"""S3 takes 10,000 parts: so an archive has 160 GB at most."""


class Archives:
    """One instance serves every archive."""

    def __init__(self, store: ArchiveStore, tenants: TenantExport, *, part_bytes: int = PART_BYTES) -> None:
        self._store = store
        self._tenants = tenants
        self._part_bytes = part_bytes

    def add(self, archive: str, step: int, files: Iterable[tuple[str, bytes]]) -> None:
        """Lines of files; what is of the file that came last goes on with it."""

        def do(making: _Making) -> dict[str, Any]:
            for name, lines in files:
                making.add(name, lines)
            return {}

        self._step(archive, step, do)

    def add_tenant(
        self, archive: str, step: int, tenant: str, folder: str, cursor: str | None, more: Callable[[], bool]
    ) -> str | None:
        """Some of what a tenant has, as files of a folder; where to go on, None at the end. `more` is asked between
        pages.
        """

        def do(making: _Making) -> dict[str, Any]:
            place = cursor
            while True:
                page = self._tenants.page(tenant, place)
                if page.file is not None:
                    making.add(f"{folder}/{page.file}", page.lines)
                place = page.cursor
                if place is None or not more():
                    return {"cursor": place}

        found: str | None = self._step(archive, step, do)["cursor"]
        return found

    def finish(self, archive: str, step: int) -> int:
        """The archive is whole from now on; its bytes."""

        def do(making: _Making) -> dict[str, Any]:
            # Where it is there already, an earlier run was cut short after all was done.
            return {"bytes": self._store.size(archive) or making.finish()}

        size: int = self._step(archive, step, do)["bytes"]
        return size

    def delete(self, archive: str) -> None:
        """Nothing of it is left in the store, whole or not."""
        kept = self._store.state(archive)
        self._store.delete(archive, None if kept is None else _parsed(kept)[0]["upload"])

    def _step(self, archive: str, step: int, do: Callable[[_Making], dict[str, Any]]) -> Mapping[str, Any]:
        kept = self._store.state(archive)
        if kept is None:
            if step != 1:
                raise NotFound("The archive was deleted, or never begun.", field="step", hint="Begin anew.")
            state, rest = _new(self._store.begin(archive)), b""
        else:
            state, rest = _parsed(kept)
        if step == state["step"]:
            answer: Mapping[str, Any] = state["answer"]
            return answer
        if step != state["step"] + 1:
            raise InvalidArgument(
                f"The archive has had {state['step']} steps; this is number {step}.", field="step"
            )
        making = _Making(self._store, archive, state, rest, self._part_bytes)
        answer = do(making)
        self._store.keep_state(archive, making.state(step, answer))
        return answer


class _Making:
    """An archive during one step."""

    def __init__(
        self, store: ArchiveStore, archive: str, state: Mapping[str, Any], rest: bytes, part_bytes: int
    ) -> None:
        self.zip = ZipStream.of(state["zip"])
        self._store = store
        self._archive = archive
        self._upload: str = state["upload"]
        self._parts: list[str] = list(state["parts"])
        self._rest = bytearray(rest)
        self._part_bytes = part_bytes

    def add(self, name: str, lines: bytes) -> None:
        if self.zip.name != name:
            self._rest += self.zip.begin(name)
        self._rest += self.zip.add(lines)
        while len(self._rest) >= self._part_bytes:
            self._put(bytes(self._rest[: self._part_bytes]))
            del self._rest[: self._part_bytes]

    def finish(self) -> int:
        self._rest += self.zip.finish()
        self._put(bytes(self._rest))
        self._rest.clear()
        self._store.complete(self._archive, self._upload, self._parts)
        return self.zip.offset

    def state(self, step: int, answer: Mapping[str, Any]) -> bytes:
        state = {
            "step": step,
            "answer": dict(answer),
            "upload": self._upload,
            "parts": self._parts,
            "zip": self.zip.state(),
        }
        return json.dumps(state, separators=(",", ":")).encode() + b"\n" + bytes(self._rest)

    def _put(self, part: bytes) -> None:
        self._parts.append(self._store.put_part(self._archive, self._upload, len(self._parts) + 1, part))


def _new(upload: str) -> dict[str, Any]:
    return {"step": 0, "answer": {}, "upload": upload, "parts": [], "zip": ZipStream().state()}


def _parsed(kept: bytes) -> tuple[dict[str, Any], bytes]:
    """The state, and what of the archive is in no part yet."""
    text, _, rest = kept.partition(b"\n")
    state: dict[str, Any] = json.loads(text)
    return state, rest
