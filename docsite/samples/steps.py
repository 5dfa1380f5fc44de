"""Which step of which scenario shows an operation, with the steps before it that it needs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clients.conformance.scenario import Scenario, scenarios

NAMESPACE = "books"
OPERATIONS: Mapping[str, str] = {
    "create_namespace": "create_namespace",
    "list_namespaces": "list_namespaces",
    "describe_namespace": "describe_namespace",
    "delete_namespace": "delete_namespace",
    "query": "query_vectors",
    "query_batch": "query_vectors_batch",
    "upsert": "upsert_vectors",
    "list_ids": "list_vectors",
    "fetch": "fetch_vectors",
    "patch": "patch_vectors",
    "delete": "delete_vectors",
    "count": "count_vectors",
    "list": "list_records",
    "aggregate": "aggregate_records",
    "schema": "describe_fields",
    "changes": "follow_changes",
    "kv_changes": "follow_key_changes",
    "get": "fetch_vector",
    "patch_one": "patch_vector",
    "delete_one": "delete_vector",
    "kv_put": "put_value",
    "kv_get": "get_value",
    "kv_delete": "delete_value",
    "kv_list": "list_values",
    "kv_get_many": "get_values",
    "kv_put_many": "put_values",
    "kv_delete_many": "delete_values",
    "kv_head": "head_value",
    "erase": "erase",
    "list_erasures": "list_erasures",
    "describe_erasure": "describe_erasure",
    "keys_create": "create_key",
    "keys_list": "list_keys",
    "keys_rotate": "rotate_key",
    "keys_revoke": "revoke_key",
    "usage": "get_usage",
    "health": "get_health",
}
"""By what a step does, the operation that it is."""
_AREAS = ("queries", "records", "lists", "key_values", "changes", "namespaces", "expiry", "operators")
"""Where the plainest step of each kind is looked for first."""

_LONG = 200


@dataclass(frozen=True, slots=True)
class Step:
    """One call: what it does, and its arguments without the namespace's name.

    Bytes are `{"$bytes": base64}`, what an earlier call gave `{"$env": name}`.
    """

    do: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """The last step shows the operation; the others have to come before it."""

    operation: str
    steps: Sequence[Step]


_CREATED = Step("create_namespace", {"dimension": 2})
_WRITTEN = (
    Sample(
        "delete_vector",
        (
            _CREATED,
            Step("upsert", {"records": [{"id": "a", "vector": [1, 0]}]}),
            Step("delete_one", {"id": "a"}),
        ),
    ),
    Sample(
        "follow_key_changes",
        (
            _CREATED,
            Step("kv_put", {"key": "greeting", "value": "good morning"}),
            Step("kv_changes", {"from_beginning": True, "values": True, "follow": False}),
        ),
    ),
    Sample("create_key", (Step("keys_create", {"name": "the website", "scopes": ["read"]}),)),
    Sample("list_keys", (Step("keys_list", {}),)),
    Sample("rotate_key", (Step("keys_rotate", {"id": {"$env": "KEY_ID"}, "overlap_seconds": 86_400}),)),
    Sample("revoke_key", (Step("keys_revoke", {"id": {"$env": "KEY_ID"}}),)),
    Sample("describe_erasure", (Step("describe_erasure", {"id": {"$env": "ERASURE_ID"}}),)),
    Sample("get_health", (Step("health", {}),)),
    Sample("list_namespaces", (_CREATED, Step("list_namespaces", {"prefix": NAMESPACE, "page_size": 2}))),
)
"""Where scenarios have only steps that show something else: odd names, endless feeds, ids of an earlier answer."""

WITHOUT_NAMESPACE = ("list_namespaces", "delete_namespace", "usage", "health")
"""Steps of the client itself; so are those of its keys."""


def is_inside(step: Step) -> bool:
    """Whether it is of a namespace."""
    return step.do not in WITHOUT_NAMESPACE and not step.do.startswith("keys_")


def named(value: Any) -> str | None:
    """The variable of the environment that has a value, if one has."""
    return value["$env"] if isinstance(value, Mapping) and set(value) == {"$env"} else None


def samples() -> list[Sample]:
    """One for each operation that a scenario has a plain step of. Raises LookupError if one of OPERATIONS has none."""
    known = sorted(scenarios(), key=_area)
    found = {one.operation: one for one in _WRITTEN}
    for scenario in known:
        steps: list[Step] = []
        for step in scenario.document["steps"] if not scenario.faults else ():
            if not _is_plain(step):
                continue
            steps.append(_step(step))
            operation = OPERATIONS[step["do"]]
            if (
                operation not in found
                and len(json.dumps(step.get("with", {}))) < _LONG
                and steps[0].do == "create_namespace"
            ):
                found[operation] = Sample(operation, tuple(steps))
    if missing := set(OPERATIONS.values()) - set(found):
        raise LookupError(f"No scenario has a plain step of {', '.join(sorted(missing))}.")
    return [found[operation] for operation in OPERATIONS.values()]


def _area(scenario: Scenario) -> int:
    return _AREAS.index(scenario.area) if scenario.area in _AREAS else len(_AREAS)


def _is_plain(step: Mapping[str, Any]) -> bool:
    """Nothing goes wrong in it, it is of the scenario's own namespace, and needs nothing that an earlier one gave."""
    given = step.get("with", {})
    words = (
        json.dumps(given)
        .replace('"$bytes"', "")
        .replace('"$lt"', "")
        .replace('"$gt"', "")
        .replace('"$eq"', "")
    )
    if {"fails", "meanwhile"} & set(step) or step["do"] not in OPERATIONS or '"$' in words or "\\u" in words:
        return False
    ends = not step["do"].endswith("changes") or given.get("follow") is False
    return ends and given.get("name", "{namespace}") == "{namespace}"


def _step(step: Mapping[str, Any]) -> Step:
    arguments = {name: value for name, value in step.get("with", {}).items() if name not in ("name", "take")}
    given: Mapping[str, Any] = json.loads(json.dumps(arguments).replace("{namespace}", NAMESPACE))
    return Step(step["do"], given)
