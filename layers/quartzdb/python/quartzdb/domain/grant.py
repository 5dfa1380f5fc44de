"""What a tenant is allowed: a grant, as a value and as the JSON document that is stored of it. Decides nothing.

Whoever sells the database says it, and the database goes by the last that was said. A tenant without a grant is active,
and nothing limits it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from enum import StrEnum
from typing import Any

from quartzdb.domain.errors import InvalidArgument, within_field
from quartzdb.domain.limits import TIME_MS_MAX
from quartzdb.domain.values import dataclass

NUMBER_MAX = 2**63 - 1
TEXT_CHARACTERS_MAX = 500
RATE_MAX = 1_000_000
"""Requests a second that a limit may allow: more is as good as none."""


class TenantStatus(StrEnum):
    """What is answered to a tenant: everything, reads, or nothing."""

    ACTIVE = "active"
    READ_ONLY = "read_only"
    SUSPENDED = "suspended"


def _check_number(name: str, value: object, least: int, most: int) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidArgument(f"{name} is a whole number from {least} to {most}.", field=name)


def _require_number(name: str, value: object) -> None:
    _check_number(name, -1 if value is None else value, 0, NUMBER_MAX)


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str) or not 1 <= len(value) <= TEXT_CHARACTERS_MAX or not value.isprintable():
        raise InvalidArgument(f"{name} is 1 to {TEXT_CHARACTERS_MAX} printable characters.", field=name)


@dataclass(frozen=True, slots=True)
class GrantLimits:
    """How much of each thing, None for no limit. Raises InvalidArgument.

    The first two are of the whole tenant, the next two of each of its keys: requests a second in the long run, and how
    many at once (without it, those of one second). `vectors` and `storage_bytes` are kept by whoever gives the grant,
    who blocks writes once they are reached.
    """

    requests_per_second: int | None = None
    burst: int | None = None
    key_requests_per_second: int | None = None
    key_burst: int | None = None
    namespaces: int | None = None
    dimension: int | None = None
    top_k: int | None = None
    vectors: int | None = None
    storage_bytes: int | None = None

    def __post_init__(self) -> None:
        for name in ("requests_per_second", "burst", "key_requests_per_second", "key_burst"):
            _check_number(name, getattr(self, name), 1, RATE_MAX)
        for name in ("namespaces", "dimension", "top_k", "vectors", "storage_bytes"):
            _check_number(name, getattr(self, name), 0, NUMBER_MAX)
        for rate, burst in (("requests_per_second", "burst"), ("key_requests_per_second", "key_burst")):
            if getattr(self, burst) is not None and getattr(self, rate) is None:
                raise InvalidArgument(f"{burst} needs {rate} beside it.", field=burst)


@dataclass(frozen=True, slots=True)
class Block:
    """Why reads or writes are refused: which limit, what of it is used, what is allowed, in which unit; until when,
    None for as long as nobody changes it; and where whoever is refused can have it raised. Raises InvalidArgument.
    """

    limit: str
    used: int
    allowed: int
    unit: str
    until_ms: int | None
    raise_at: str

    def __post_init__(self) -> None:
        for name in ("limit", "unit", "raise_at"):
            _check_text(name, getattr(self, name))
        for name in ("used", "allowed"):
            _require_number(name, getattr(self, name))
        _check_number("until_ms", self.until_ms, 0, NUMBER_MAX)


@dataclass(frozen=True, slots=True)
class Prices:
    """What units cost, in whole micro-dollars, for the receipts in answers. Raises InvalidArgument."""

    version: str
    million_read_units: int
    million_write_units: int
    gigabyte_month: int

    def __post_init__(self) -> None:
        _check_text("version", self.version)
        for name in ("million_read_units", "million_write_units", "gigabyte_month"):
            _require_number(name, getattr(self, name))


@dataclass(frozen=True, slots=True)
class TenantGrant:
    """What a tenant is allowed. Of two the one with the higher `revision` holds.

    `raise_at`: where whoever reaches a limit can have it raised, as people are told. `gone_at_ms`: since when the
    tenant is being deleted, which nobody but its own site undoes; while it is, it is suspended.
    """

    tenant: str
    revision: int
    status: TenantStatus = TenantStatus.ACTIVE
    plan: str | None = None
    limits: GrantLimits = GrantLimits()
    reads_blocked: Block | None = None
    writes_blocked: Block | None = None
    region: str | None = None
    prices: Prices | None = None
    raise_at: str | None = None
    gone_at_ms: int | None = None

    def __post_init__(self) -> None:
        for name in ("plan", "region", "raise_at"):
            if getattr(self, name) is not None:
                _check_text(name, getattr(self, name))
        _check_number("gone_at_ms", self.gone_at_ms, 0, TIME_MS_MAX)

    @property
    def buried(self) -> bool:
        """Whether this is all that is left of the tenant: the word that there is nothing, so that an older one that
        comes late is not taken for news.
        """
        return self.gone_at_ms is not None and self.status is TenantStatus.ACTIVE


UNGRANTED = TenantGrant("", 0)
"""What holds where nothing was said."""


def grant_text(grant: TenantGrant) -> str:
    """The JSON document that is stored beside tenant and revision. One grant has one text."""
    document = {name: value for name, value in asdict(grant).items() if name not in {"tenant", "revision"}}
    return json.dumps(_without_nones(document), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def grant_of(tenant: str, revision: int, text: str | bytes) -> TenantGrant:
    """The grant that a document says. What a later release added to it is passed over.

    Raises InvalidArgument where it is none, with the field that is wrong.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InvalidArgument("The grant is not JSON.", field="grant") from error
    with within_field("grant"):
        given = _known(TenantGrant, _object(document))
        try:
            status = TenantStatus(given.get("status", TenantStatus.ACTIVE))
        except ValueError as error:
            raise InvalidArgument(
                f"{given['status']!r} is no status of a tenant.",
                field="status",
                hint=f"It is one of: {', '.join(TenantStatus)}.",
            ) from error
        parts: dict[str, Any] = {}
        for name, kind in (
            ("limits", GrantLimits),
            ("reads_blocked", Block),
            ("writes_blocked", Block),
            ("prices", Prices),
        ):
            if given.get(name) is not None:
                with within_field(name):
                    parts[name] = _value(kind, given[name])
        parts |= {name: given.get(name) for name in ("plan", "region", "raise_at", "gone_at_ms")}
        return TenantGrant(tenant, revision, status, **parts)


def _value(kind: type[GrantLimits] | type[Block] | type[Prices], document: object) -> object:
    given = {"until_ms": None, **_object(document)} if kind is Block else _object(document)
    try:
        return kind(**_known(kind, given))
    except TypeError as error:
        raise InvalidArgument(f"A field is missing: {error}.") from error


def _known(kind: type[Any], document: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(kind)} - {"tenant", "revision"}
    return {name: value for name, value in document.items() if name in names}


def _object(document: object) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise InvalidArgument("It has to be a JSON object.")
    return document


def _without_nones(document: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        name: _without_nones(value) if isinstance(value, Mapping) else value
        for name, value in document.items()
        if value is not None
    }
    return {name: value for name, value in found.items() if value != {}}
