"""Steps as a program in Python."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from docsite.samples.steps import NAMESPACE, Step, is_inside, named

_RENAMED = {"describe_namespace": "describe"}
_ITERATED = (
    "list",
    "list_ids",
    "kv_list",
    "list_namespaces",
    "list_erasures",
    "keys_list",
    "changes",
    "kv_changes",
)


def program(steps: Sequence[Step]) -> str:
    """A whole program that does all of them, and prints what the last one gives."""
    lines = [
        *(["import os", ""] if any(named(one) for step in steps for one in step.arguments.values()) else []),
        "from quartzdb_client import Client",
        "",
        "with Client() as db:  # QUARTZDB_URL, QUARTZDB_API_KEY",
    ]
    if not any(step.do == "create_namespace" for step in steps) and any(map(is_inside, steps)):
        lines.append(f'    books = db.namespace("{NAMESPACE}")')
    for number, step in enumerate(steps):
        call = _call(step)
        last = number == len(steps) - 1
        if step.do == "create_namespace":
            lines.append(f"    books = {call}")
        elif step.do in _ITERATED:
            lines += [f"    for one in {call}:", "        print(one)"]
        else:
            lines.append(f"    print({call})" if last else f"    {call}")
    return "\n".join(lines) + "\n"


def _call(step: Step) -> str:
    args = ", ".join(f"{name}={_literal(value)}" for name, value in step.arguments.items())
    if step.do == "create_namespace":
        return f"db.create_namespace({', '.join(filter(None, [repr_of(NAMESPACE), args]))})"
    if step.do in ("list_namespaces", "usage", "health"):
        return f"db.{step.do}({args})"
    if step.do.startswith("keys_"):
        return f"db.keys.{step.do[5:]}({args})"
    if step.do == "delete_namespace":
        return f"db.delete_namespace({repr_of(NAMESPACE)})"
    if step.do.startswith("kv_"):
        return f"books.kv.{step.do[3:]}({args})"
    return f"books.{_RENAMED.get(step.do, step.do)}({args})"


def repr_of(text: str) -> str:
    """A string with double quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return repr_of(value)
    if variable := named(value):
        return f'os.environ["{variable}"]'
    if isinstance(value, Mapping):
        if set(value) == {"$bytes"}:
            return repr(base64.b64decode(value["$bytes"]))
        return "{" + ", ".join(f"{repr_of(name)}: {_literal(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    return repr(value)
