"""Reads plans.toml, and refuses what is not whole: a limit that was mistyped must not become none."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from quartzdb.domain.errors import InvalidArgument, within_field
from quartzdb.domain.grant import GrantLimits, Prices
from quartzdb_platform.domain.plan import Included, Plan, Plans, PlanVersion

PLAN_FILE = Path(__file__).parent / "plans.toml"
_MONTH = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")
T = TypeVar("T")


@lru_cache(maxsize=1)
def load_plans() -> Plans:
    """The plans that this release sells."""
    return parse_plans(PLAN_FILE.read_text("utf-8"))


def parse_plans(text: str) -> Plans:
    """The plans of a file. Raises InvalidArgument with the field that is missing, unknown or no number."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidArgument(f"The plans are not TOML: {error}.", field="plans") from error
    if (
        set(document) != {"versions"}
        or not isinstance(document["versions"], list)
        or not document["versions"]
    ):
        raise InvalidArgument("The plans have [[versions]], at least one, and nothing else.", field="plans")
    versions: list[PlanVersion] = []
    said: Mapping[str, Any] = {}
    for number, given in enumerate(document["versions"]):
        with within_field(f"versions[{number}]"):
            said = _merged(said, _object("versions", given))
            versions.append(_version(said, versions[-1].from_month if versions else ""))
    return Plans(tuple(versions))


def _version(said: Mapping[str, Any], before: str) -> PlanVersion:
    from_month = said.get("from")
    if not isinstance(from_month, str) or not _MONTH.fullmatch(from_month) or from_month <= before:
        raise InvalidArgument("from is a month, such as 2026-11, later than that before.", field="from")
    if set(said) != {"from", "prices", "plans"} or not said["plans"]:
        raise InvalidArgument("A version has from, prices and plans, and nothing else.", field="plans")
    with within_field("prices"):
        prices = _whole(Prices, {**_object("", said["prices"]), "version": from_month})
    plans = {}
    for name, given in _object("plans", said["plans"]).items():
        with within_field(f"plans.{name}"):
            plans[name] = _plan(name, _object("", given))
    costs = [plan.month_micro_dollars for plan in plans.values()]
    if costs != sorted(costs):
        raise InvalidArgument("Plans stand in the order of what they cost.", field="plans")
    return PlanVersion(from_month, plans, prices)


def _merged(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What was said before, with what is said now in its place."""
    merged = dict(before)
    for name, value in given.items():
        present = merged.get(name)
        if isinstance(present, Mapping) and isinstance(value, Mapping):
            merged[name] = _merged(present, value)
        else:
            merged[name] = value
    return merged


def _plan(name: str, given: Mapping[str, Any]) -> Plan:
    parts = dict(given)
    with within_field("included"):
        included = _whole(Included, parts.pop("included", {}))
    with within_field("limits"):
        limits = _whole(GrantLimits, parts.pop("limits", {}))
    features = parts.pop("features", [])
    for field, kind in (("title", str), ("overage", bool)):
        if not isinstance(parts.get(field), kind):
            raise InvalidArgument(f"{field} is missing, or of the wrong kind.", field=field)
    for field in ("month_micro_dollars", "seats", "projects", "retention_days"):
        _require_whole(field, parts.get(field))
    return _whole(
        Plan, {**parts, "name": name, "features": frozenset(features), "included": included, "limits": limits}
    )


def _whole(kind: type[T], given: Mapping[str, Any]) -> T:
    """A value of all its fields, and no others."""
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # every kind here is a dataclass
    for name in sorted(names ^ set(given)):
        raise InvalidArgument(f"{name} is {'missing' if name in names else 'unknown'}.", field=name)
    if kind is Included:
        for name, value in given.items():
            _require_whole(name, value)
    return kind(**given)


def _object(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidArgument("This is a table.", field=name or None)
    return value


def _require_whole(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidArgument(f"{name} is a whole number.", field=name)
