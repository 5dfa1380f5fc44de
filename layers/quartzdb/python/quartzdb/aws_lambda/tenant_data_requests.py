"""What the function of tenants' data is asked and answers: documents, checked before anything is done.

    {"do": "sizes", "tenant": T, "exact": false, "cursor": null} → {"bytes", "vectors", "keys", "cursor"}
      and with "describe": true also "namespaces": [{"name", "created_at_ms", "dimension", "half", "records", "bytes"}]
    {"do": "archive", "archive": A, "step": N, "files": [{"name", "text"}]} → {}
    {"do": "archive", "archive": A, "step": N, "tenant": T, "folder": F, "cursor": null} → {"cursor"}
    {"do": "archive", "archive": A, "step": N, "finish": true} → {"bytes"}
    {"do": "forget_archive", "archive": A} → {}
    {"do": "erase", "tenant": T} → {"namespaces_deleted", "keys_revoked", "namespaces_pending", "keys_pending", ...}

A `cursor` in an answer is where to go on; null: that was all. What a caller did wrong is answered with {"error":
{"code", "message", "field", "hint"}}; whatever else goes wrong fails the invocation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from quartzdb.domain.errors import Forbidden, InvalidArgument
from quartzdb.domain.namespace import check_tenant
from quartzdb.domain.values import dataclass

_ARCHIVE = re.compile(r"[A-Za-z0-9_-]{1,80}(/[A-Za-z0-9_-]{1,80}){0,3}")
_FILE = re.compile(r"[A-Za-z0-9_.-]{1,255}(/[A-Za-z0-9_.-]{1,255}){0,7}")
_STEPS_MAX = 10**9
_CURSOR_CHARACTERS_MAX = 8_192
FILES_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a tenant holds; `describe`: and what each of its namespaces is."""

    tenant: str
    exact: bool
    cursor: str | None
    describe: bool = False


@dataclass(frozen=True, slots=True)
class ArchiveStep:
    """A step of an archive: files, or what a tenant has, or its end."""

    archive: str
    step: int
    files: tuple[tuple[str, bytes], ...] = ()
    tenant: str | None = None
    folder: str = ""
    cursor: str | None = None
    finish: bool = False


@dataclass(frozen=True, slots=True)
class ForgetArchive:
    """Leave nothing of an archive."""

    archive: str


@dataclass(frozen=True, slots=True)
class Erase:
    """Delete everything that a tenant has."""

    tenant: str


Request = Sizes | ArchiveStep | ForgetArchive | Erase
_FIELDS: Mapping[str, frozenset[str]] = {
    "sizes": frozenset({"tenant", "exact", "cursor", "describe"}),
    "archive": frozenset({"archive", "step", "files", "tenant", "folder", "cursor", "finish"}),
    "forget_archive": frozenset({"archive"}),
    "erase": frozenset({"tenant"}),
}


def parse_request(event: Any, tenant_prefix: str) -> Request:
    """The request. Raises InvalidArgument with the field that is wrong, and Forbidden for a tenant of somebody else's:
    one whose name does not begin with the prefix.
    """
    if not isinstance(event, Mapping):
        raise InvalidArgument("A request is an object.", field="do", hint='{"do": "sizes", "tenant": "…"}')
    do = event.get("do")
    if not isinstance(do, str) or do not in _FIELDS:
        raise InvalidArgument(
            f"There is no {str(do)[:40]!r}.", field="do", hint=f"There are: {', '.join(_FIELDS)}."
        )
    for name in sorted(set(event) - _FIELDS[do] - {"do"}):
        raise InvalidArgument(f"{do} has no {str(name)[:40]!r}.", field=str(name)[:40])
    if do == "sizes":
        tenant, exact = _tenant(event, tenant_prefix), _truth(event, "exact")
        return Sizes(tenant, exact, _cursor(event), _truth(event, "describe"))
    if do == "erase":
        return Erase(_tenant(event, tenant_prefix))
    archive = _matching(event, "archive", _ARCHIVE)
    return ForgetArchive(archive) if do == "forget_archive" else _step(event, archive, tenant_prefix)


def _step(event: Mapping[str, Any], archive: str, tenant_prefix: str) -> ArchiveStep:
    step = event.get("step")
    if not isinstance(step, int) or isinstance(step, bool) or not 1 <= step <= _STEPS_MAX:
        raise InvalidArgument("A step is a whole number, from 1.", field="step")
    asked = [name for name in ("files", "tenant", "finish") if event.get(name)]
    if len(asked) != 1:
        raise InvalidArgument("A step has one of `files`, `tenant` and `finish`.", field="files")
    if asked == ["finish"]:
        return ArchiveStep(archive, step, finish=_truth(event, "finish"))
    if asked == ["files"]:
        return ArchiveStep(archive, step, _files(event["files"]))
    tenant, folder = _tenant(event, tenant_prefix), _matching(event, "folder", _FILE)
    return ArchiveStep(archive, step, tenant=tenant, folder=folder, cursor=_cursor(event))


def _files(given: Any) -> tuple[tuple[str, bytes], ...]:
    if not isinstance(given, list) or len(given) > FILES_MAX:
        raise InvalidArgument(f"`files` is a list of at most {FILES_MAX}.", field="files")
    found = []
    for one in given:
        if not isinstance(one, Mapping) or set(one) != {"name", "text"} or not isinstance(one["text"], str):
            raise InvalidArgument("A file has a `name` and its `text`.", field="files")
        found.append((_matching(one, "name", _FILE), one["text"].encode()))
    return tuple(found)


def _tenant(event: Mapping[str, Any], prefix: str) -> str:
    tenant = event.get("tenant")
    if not isinstance(tenant, str):
        raise InvalidArgument("A tenant is a name.", field="tenant")
    if not check_tenant(tenant).startswith(prefix):
        raise Forbidden(
            f"{tenant!r} is no tenant of the platform's.",
            hint=f"Those begin with {prefix!r}.",
            field="tenant",
        )
    return tenant


def _matching(event: Mapping[str, Any], name: str, form: re.Pattern[str]) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not form.fullmatch(value) or ".." in value:
        raise InvalidArgument(f"{name} is a path of letters, digits, '_' and '-'.", field=name)
    return value


def _cursor(event: Mapping[str, Any]) -> str | None:
    value = event.get("cursor")
    if value is not None and (not isinstance(value, str) or len(value) > _CURSOR_CHARACTERS_MAX):
        raise InvalidArgument("A cursor is that of an earlier answer, or null.", field="cursor")
    return value


def _truth(event: Mapping[str, Any], name: str) -> bool:
    value = event.get(name, False)
    if not isinstance(value, bool):
        raise InvalidArgument(f"{name} is true or false.", field=name)
    return value
