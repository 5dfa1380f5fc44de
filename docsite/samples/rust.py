"""Steps as a program in Rust."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from docsite.samples.steps import NAMESPACE, Step, is_inside, named

_FRESH = "&Default::default()"


def program(steps: Sequence[Step]) -> str:
    """A whole program that does all of them, and prints what the last one gives."""
    body = "\n".join(f"    {line}" for line in statements(steps))
    names = _names(body)
    listed = names[0] if len(names) == 1 else "{" + ", ".join(names) + "}"
    uses = [f"use quartzdb_client::{listed};"]
    if "json!" in body:
        uses.append("use serde_json::{from_value, json};")
    elif "from_value" in body:
        uses.append("use serde_json::from_value;")
    head = "\n".join(uses)
    return f"{head}\n\nfn main() -> Result<(), Box<dyn std::error::Error>> {{\n{body}\n    Ok(())\n}}\n"


def statements(steps: Sequence[Step]) -> list[str]:
    """What the program does, without its frame."""
    lines = ["let db = Client::from_env()?; // QUARTZDB_URL, QUARTZDB_API_KEY"]
    created = any(step.do == "create_namespace" for step in steps)
    if not created and any(map(is_inside, steps)):
        lines.append(f'let books = db.namespace("{NAMESPACE}");')
    for number, step in enumerate(steps):
        call, iterated = _call(step)
        last = number == len(steps) - 1
        if step.do == "create_namespace":
            lines.append(f"let {'_' if last or not _used(steps) else ''}books = {call}?;")
        elif iterated:
            lines += [f"for one in {call} {{", '    println!("{:?}", one?);', "}"]
        else:
            lines.append(f'println!("{{:?}}", {call}?);' if last else f"{call}?;")
    return lines


def _used(steps: Sequence[Step]) -> bool:
    return any(step.do != "create_namespace" and is_inside(step) for step in steps)


def _names(body: str) -> list[str]:
    return ["Client", *(name for name in ("FeedOptions", "ListOptions", "PutOptions") if name in body)]


def _call(step: Step) -> tuple[str, bool]:  # noqa: PLR0912 - one case for each call
    """The call, and whether it gives one after the other."""
    args = dict(step.arguments)
    page_size = f"Some({args['page_size']})" if "page_size" in args else "None"
    prefix = f"Some({_text(args['prefix'])})" if "prefix" in args else "None"
    match step.do:
        case "create_namespace":
            return f"db.create_namespace(&{_value({'name': NAMESPACE, **args})})", False
        case "list_namespaces":
            return f"db.list_namespaces({prefix}, {page_size})", True
        case "describe_namespace":
            return f"books.describe({_FRESH})", False
        case "delete_namespace":
            return f'db.delete_namespace("{NAMESPACE}")', False
        case "query" | "aggregate":
            return f"books.{step.do}(&{_value(args)})", False
        case "query_batch":
            return (
                f"books.query_batch(&from_value::<Vec<_>>(json!({_json(args['queries'])}))?, {_FRESH})",
                False,
            )
        case "upsert":
            return f"books.upsert(&from_value::<Vec<_>>(json!({_json(args['records'])}))?)", False
        case "patch":
            return f"books.patch(&from_value::<Vec<_>>(json!({_json(args['patches'])}))?)", False
        case "patch_one":
            return f"books.patch_one({_text(args.pop('id'))}, &{_value(args)}, None)", False
        case "get":
            return f"books.get({_text(args['id'])}, {_FRESH})", False
        case "delete_one":
            return f"books.delete_one({_text(args['id'])}, None)", False
        case "fetch":
            return f"books.fetch(&{_texts(args['ids'])}, {_FRESH})", False
        case "delete":
            return f"books.delete(&{_texts(args['ids'])})", False
        case "count":
            return f"books.count({_filter(args)}, {_FRESH})", False
        case "schema":
            return f"books.schema({_FRESH})", False
        case "list":
            return f"books.list(&{_options('ListOptions', args)})", True
        case "list_ids":
            return f"books.list_ids({prefix}, {page_size})", True
        case "changes":
            return f"books.changes(&{_options('FeedOptions', args)})", True
        case "kv_changes":
            return f"books.kv().changes(&{_options('FeedOptions', args)})", True
        case "kv_put":
            given = {name: one for name, one in args.items() if name not in ("key", "value")}
            return (
                f"books.kv().put({_text(args['key'])}, {_bytes(args['value'])}, &{_options('PutOptions', given)})",
                False,
            )
        case "kv_head":
            return f"books.kv().head({_text(args['key'])}, {_FRESH})", False
        case "erase":
            return f"books.erase(&{_value(args)})", False
        case "list_erasures":
            return f"books.list_erasures({page_size})", True
        case "describe_erasure":
            return f"books.describe_erasure({_given(args['id'])})", False
        case "keys_create":
            return f"db.keys().create(&{_value(args)})", False
        case "keys_list":
            return "db.keys().list()", False
        case "keys_rotate":
            return f"db.keys().rotate({_given(args.pop('id'))}, &{_value(args)})", False
        case "keys_revoke":
            return f"db.keys().revoke({_given(args['id'])}, false)", False
        case "usage":
            return f"db.usage({prefix})", False
        case "health":
            return "db.health()", False
        case "kv_get":
            return f"books.kv().get({_text(args['key'])}, {_FRESH})", False
        case "kv_delete":
            return f"books.kv().delete({_text(args['key'])}, None)", False
        case "kv_list":
            return f"books.kv().list({prefix}, {str(args.get('values', False)).lower()}, {page_size})", True
        case "kv_put_many":
            items = ", ".join(f"({_text(key)}, &{_bytes(one)}[..])" for key, one in args["items"].items())
            return f"books.kv().put_many(&[{items}])", False
        case "kv_get_many" | "kv_delete_many":
            return f"books.kv().{step.do[3:]}(&{_texts(args['keys'])})", False
        case other:
            raise LookupError(f"Nobody said which call {other} is.")


def _given(value: Any) -> str:
    """A text, or what a variable of the environment has."""
    variable = named(value)
    return f'&std::env::var("{variable}")?' if variable else _text(value)


def _filter(args: Mapping[str, Any]) -> str:
    return f"Some(&json!({_json(args['filter'])}))" if "filter" in args else "None"


def _options(kind: str, args: Mapping[str, Any]) -> str:
    parts = []
    for name, value in args.items():
        if isinstance(value, bool):
            parts.append(f"{name}: {str(value).lower()}")
        elif name in ("filter", "include_metadata"):
            parts.append(f"{name}: Some(json!({_json(value)}))")
        elif isinstance(value, str):
            parts.append(f"{name}: Some({_text(value)}.into())")
        else:
            parts.append(
                f"{name}: Some({value}{'' if isinstance(value, float) or name == 'page_size' else '.0'})"
            )
    return f"{kind} {{ {', '.join([*parts, '..Default::default()'])} }}" if parts else f"{kind}::default()"


def _value(args: Any) -> str:
    return f"from_value(json!({_json(args)}))?"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _texts(texts: Sequence[str]) -> str:
    return "[" + ", ".join(map(_text, texts)) + "]"


def _bytes(value: Any) -> str:
    if isinstance(value, str):
        return f"b{_text(value)}"
    return 'b"' + "".join(f"\\x{one:02x}" for one in base64.b64decode(value["$bytes"])) + '"'
