"""Reads plans.toml, and refuses what is not whole: a limit that was mistyped must not become none."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from quartzdb.domain.errors import InvalidArgument, within_field
from quartzdb.domain.grant import GrantLimits, Prices
from quartzdb_platform.domain.plan import Included, Plan, Plans

PLAN_FILE = Path(__file__).parent / "plans.toml"
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
    if set(document) != {"prices", "plans"} or not document["plans"]:
        raise InvalidArgument("The plans have [prices] and [plans.NAME], and nothing else.", field="plans")
    with within_field("prices"):
        prices = _whole(Prices, document["prices"])
    plans = {}
    for name, given in document["plans"].items():
        with within_field(f"plans.{name}"):
            plans[name] = _plan(name, given)
    if [plan.month_micro_dollars for plan in plans.values()] != sorted(
        plan.month_micro_dollars for plan in plans.values()
    ):
        raise InvalidArgument("Plans stand in the order of what they cost.", field="plans")
    return Plans(plans, prices)


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


def _require_whole(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidArgument(f"{name} is a whole number.", field=name)
