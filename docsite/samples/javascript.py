"""Steps as a program in JavaScript."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from docsite.samples.steps import NAMESPACE, Step, is_inside, named

_RENAMED = {"describe_namespace": "describe"}
_ITERATED = ("list", "list_ids", "kv_list", "list_namespaces", "list_erasures", "changes", "kv_changes")
_FIRST: Mapping[str, Sequence[str]] = {
    "upsert": ["records"],
    "query_batch": ["queries"],
    "fetch": ["ids"],
    "get": ["id"],
    "patch": ["patches"],
    "patch_one": ["id"],
    "delete": ["ids"],
    "delete_one": ["id"],
    "kv_put": ["key", "value"],
    "kv_get": ["key"],
    "kv_head": ["key"],
    "describe_erasure": ["id"],
    "keys_rotate": ["id"],
    "keys_revoke": ["id"],
    "kv_delete": ["key"],
    "kv_get_many": ["keys"],
    "kv_put_many": ["items"],
    "kv_delete_many": ["keys"],
}
"""What has to be given, before the options."""
_OPEN = ("set", "metadata", "filter", "aggregates", "items")
"""What is the user's own below these keeps its names."""


def program(steps: Sequence[Step]) -> str:
    """A whole program (an ES module) that does all of them, and prints what the last one gives."""
    lines = [
        'import { QuartzDB } from "@quartzdb/client";',
        "",
        "const db = new QuartzDB(); // QUARTZDB_URL, QUARTZDB_API_KEY",
    ]
    created = any(step.do == "create_namespace" for step in steps)
    if not created and any(map(is_inside, steps)):
        lines.append(f'const books = db.namespace("{NAMESPACE}");')
    for number, step in enumerate(steps):
        call = _call(step)
        if step.do == "create_namespace":
            lines.append(f"const books = await {call};")
        elif step.do in _ITERATED:
            lines.append(f"for await (const one of {call}) console.log(one);")
        else:
            lines.append(f"console.log(await {call});" if number == len(steps) - 1 else f"await {call};")
    return "\n".join(lines) + "\n"


def _call(step: Step) -> str:
    given = dict(step.arguments)
    if step.do == "create_namespace":
        return f"db.createNamespace({_literal({'name': NAMESPACE, **given})})"
    if step.do in ("list_namespaces", "usage", "health"):
        return f"db.{_camel(step.do)}({_literal(given) if given else ''})"
    if step.do == "delete_namespace":
        return f'db.deleteNamespace("{NAMESPACE}")'
    if step.do.startswith("keys_"):
        target, name = "db.keys", step.do[5:]
    elif step.do.startswith("kv_"):
        target, name = "books.kv", step.do[3:]
    else:
        target, name = "books", _RENAMED.get(step.do, step.do)
    first = [_literal(given.pop(one), spelled=one not in _OPEN) for one in _FIRST.get(step.do, ())]
    options = [_literal(given)] if given else []
    return f"{target}.{_camel(name)}({', '.join([*first, *options])})"


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


def _literal(value: Any, *, spelled: bool = True) -> str:
    if variable := named(value):
        return f"process.env.{variable}"
    if isinstance(value, Mapping):
        if set(value) == {"$bytes"}:
            numbers = ", ".join(str(one) for one in base64.b64decode(value["$bytes"]))
            return f"Uint8Array.of({numbers})"
        parts = []
        for name, one in value.items():
            shown = _camel(name) if spelled else name
            key = shown if re.fullmatch(r"[A-Za-z_]\w*", shown) else json.dumps(shown)
            parts.append(f"{key}: {_literal(one, spelled=spelled and name not in _OPEN)}")
        return "{ " + ", ".join(parts) + " }" if parts else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(_literal(one, spelled=spelled) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)
