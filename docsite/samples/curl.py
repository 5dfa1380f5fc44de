"""Steps as commands of curl."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from docsite.samples.steps import NAMESPACE, Step, named

_ADDRESS = "$QUARTZDB_URL"
_KEY = '-H "Authorization: Bearer $QUARTZDB_API_KEY"'


def _part(value: Any) -> str:
    """Of a path, in double quotes of a shell."""
    variable = named(value)
    return f"${variable}" if variable else quote(value, safe="")


def command(method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None) -> str:
    """One request. `body` is JSON."""
    asked = f"?{urlencode(query)}" if query else ""
    given = "" if method == "GET" else " --head" if method == "HEAD" else f" -X {method}"
    text = f'curl --fail-with-body{given} "{_ADDRESS}{path}{asked}" \\\n  {_KEY}'
    if body is not None:
        sent = json.dumps(body, ensure_ascii=False)
        text += f" -H 'Content-Type: application/json' \\\n  -d {shlex.quote(sent)}"
    return text


def shown(step: Step) -> str:  # noqa: PLR0912 - one case for each call
    """The command that a step is."""
    args = dict(step.arguments)
    top = f"/v1/namespaces/{NAMESPACE}"
    match step.do:
        case "create_namespace":
            return command("POST", "/v1/namespaces", body={"name": NAMESPACE, **args})
        case "list_namespaces":
            return command("GET", "/v1/namespaces", query=_paged(args))
        case "describe_namespace":
            return command("GET", top)
        case "delete_namespace":
            return command("DELETE", top)
        case "query":
            return command("POST", f"{top}/query", body=args)
        case "query_batch":
            return command("POST", f"{top}/query/batch", body=args)
        case "upsert":
            return command("POST", f"{top}/vectors", body={"vectors": args["records"]})
        case "get":
            return command("GET", f"{top}/vectors/{quote(args['id'], safe='')}")
        case "delete_one":
            return command("DELETE", f"{top}/vectors/{quote(args['id'], safe='')}")
        case "patch_one":
            return command("PATCH", f"{top}/vectors/{quote(args.pop('id'), safe='')}", body=args)
        case "list_ids":
            return command("GET", f"{top}/vectors", query=_paged(args))
        case "list":
            return command("POST", f"{top}/vectors/list", body=_listed(args))
        case "fetch" | "count" | "patch" | "delete":
            return command("POST", f"{top}/vectors/{step.do}", body=args)
        case "aggregate":
            return command("POST", f"{top}/aggregate", body=args)
        case "schema":
            return command("GET", f"{top}/schema")
        case "changes" | "kv_changes":
            return command("GET", f"{top}/{step.do.replace('_', '-')}", query=_followed(args))
        case "kv_put":
            return _put(f"{top}/kv/{quote(args['key'], safe='')}", args)
        case "kv_get":
            return command("GET", f"{top}/kv/{quote(args['key'], safe='')}")
        case "kv_head":
            return command("HEAD", f"{top}/kv/{quote(args['key'], safe='')}")
        case "erase":
            return command("POST", f"{top}/erase", body=args)
        case "list_erasures":
            return command("GET", f"{top}/erasures", query=_paged(args))
        case "describe_erasure":
            return command("GET", f"{top}/erasures/{_part(args['id'])}")
        case "keys_create":
            return command("POST", "/v1/keys", body=args)
        case "keys_list":
            return command("GET", "/v1/keys")
        case "keys_rotate":
            return command("POST", f"/v1/keys/{_part(args.pop('id'))}/rotate", body=args)
        case "keys_revoke":
            return command("DELETE", f"/v1/keys/{_part(args['id'])}")
        case "usage" | "health":
            return command("GET", f"/v1/{step.do}", query=args)
        case "kv_delete":
            return command("DELETE", f"{top}/kv/{quote(args['key'], safe='')}")
        case "kv_list":
            return command("GET", f"{top}/kv", query=_paged(args))
        case "kv_put_many":
            return command(
                "POST", f"{top}/kv-batch/put", body={"items": [_item(*one) for one in args["items"].items()]}
            )
        case "kv_get_many" | "kv_delete_many":
            return command("POST", f"{top}/kv-batch/{step.do.split('_')[1]}", body=args)
        case other:
            raise LookupError(f"Nobody said which request {other} is.")


def _paged(args: dict[str, Any]) -> dict[str, Any]:
    return {"limit" if name == "page_size" else name: value for name, value in args.items()}


def _listed(args: dict[str, Any]) -> dict[str, Any]:
    body = _paged({name: value for name, value in args.items() if name not in ("order_by", "descending")})
    if "order_by" in args:
        body["order_by"] = {
            "field": args["order_by"],
            "direction": "desc" if args.get("descending") else "asc",
        }
    return body


def _followed(args: dict[str, Any]) -> dict[str, Any]:
    query: dict[str, Any] = {"from": "beginning"} if args.get("from_beginning") else {}
    kept = ("cursor", "since", "include_metadata", "include_vectors", "values")
    return query | {
        name: str(args[name]).lower() if args[name] is True else args[name] for name in kept if name in args
    }


def _item(key: str, value: Any) -> dict[str, Any]:
    return (
        {"key": key, "value_base64": value["$bytes"]}
        if isinstance(value, dict)
        else {"key": key, "value": value}
    )


def _put(path: str, args: Mapping[str, Any]) -> str:
    kind = args.get(
        "content_type", "text/plain" if isinstance(args["value"], str) else "application/octet-stream"
    )
    text = command("PUT", path) + f" -H {shlex.quote(f'Content-Type: {kind}')} \\\n  --data-binary "
    if isinstance(args["value"], str):
        return text + shlex.quote(args["value"])
    return f"echo {args['value']['$bytes']} | base64 --decode |\n  {text}@-"
