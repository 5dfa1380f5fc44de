"""The collection, in Postman's format 2.1, of the OpenAPI document and the steps."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clients.generate.document import operations
from clients.postman.forms import answered, form
from clients.postman.scripts import EVERY_ANSWER, checks
from clients.postman.step import KEY, Folder, Step
from clients.postman.steps import FOLDERS

COLLECTION = Path(__file__).with_name("quartzdb.postman_collection.json")
SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
VARIABLES = {
    "baseUrl": ("http://127.0.0.1:8787", "Where the database is."),
    "apiKey": (
        "",
        "A key with the scopes read, write and admin. Better kept in an environment, as a secret.",
    ),
    "namespace": (
        "postman-books",
        "Made and deleted by these requests, together with one whose name ends in -notes.",
    ),
}
_DESCRIPTION = """\
Every operation of QuartzDB's API, each with assertions. Set `baseUrl` and `apiKey`, and run all of it from top to
bottom: what requests need of those before them they find in variables, and in the end nothing is left.
"""
_PREFERRED = ("application/json", "application/problem+json", "text/plain", "*/*")


def collection(document: Mapping[str, Any], folders: Sequence[Folder] = FOLDERS) -> dict[str, Any]:
    """Raises KeyError for a step of an operation, example or status that the document does not have."""
    known = {one["operationId"]: (method, path, one) for method, path, one in operations(document)}
    shown: set[str] = set()

    def item(step: Step) -> dict[str, Any]:
        method, path, operation = known[step.operation]
        made = _item(step, method, path, operation, document)
        # What the document shows as answers belongs to the operation: its first request has it.
        made["response"] = [] if step.operation in shown else _examples(operation, made["request"], document)
        shown.add(step.operation)
        return made

    return {
        "info": {
            "name": "QuartzDB",
            "_postman_id": str(uuid.uuid5(uuid.NAMESPACE_URL, SCHEMA + "#QuartzDB")),
            "description": f"{_DESCRIPTION}\n{document['info']['description']}",
            "version": document["info"]["version"],
            "schema": SCHEMA,
        },
        "auth": _bearer(KEY),
        "event": [_script(EVERY_ANSWER)],
        "variable": [
            {"key": name, "value": value, "type": "string", "description": said}
            for name, (value, said) in VARIABLES.items()
        ],
        "item": [
            {
                "name": folder.name,
                "description": folder.description,
                "item": [item(step) for step in folder.steps],
            }
            for folder in folders
        ],
    }


def written(made: Mapping[str, Any]) -> str:
    """As the file has it."""
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def _item(
    step: Step, method: str, path: str, operation: Mapping[str, Any], document: Mapping[str, Any]
) -> dict[str, Any]:
    said = answered(operation, step.status[0], document)
    kind = _kind(said) if method != "HEAD" else None
    content = said.get("content", {}).get(kind, {})
    meant = form(content["schema"], document) if kind and "json" in kind else None
    return {
        "name": step.name or operation["summary"],
        "request": _request(step, method, path, operation),
        "event": [_script(checks(step, kind, meant))],
    }


def _request(step: Step, method: str, path: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    parameters = operation.get("parameters", ())
    parts = [part.strip("{}") if part.startswith("{") else part for part in path.strip("/").split("/")]
    shown = [
        f":{name}" if part.startswith("{") else name
        for name, part in zip(parts, path.strip("/").split("/"), strict=True)
    ]
    url: dict[str, Any] = {"raw": "{{baseUrl}}/" + "/".join(shown), "host": ["{{baseUrl}}"], "path": shown}
    given = {"namespace": "{{namespace}}", **step.path}
    if variables := [
        {"key": one["name"], "value": given[one["name"]], "description": one.get("description", "")}
        for one in parameters
        if one["in"] == "path"
    ]:
        url["variable"] = variables
    if query := _named(parameters, "query", step.query):
        url["query"] = query
        if asked := "&".join(f"{name}={value}" for name, value in step.query.items()):
            url["raw"] += f"?{asked}"
    request: dict[str, Any] = {
        "method": method,
        "url": url,
        "description": operation.get("description", operation["summary"]),
        "header": _named(parameters, "header", step.headers),
    }
    if step.key is None:
        request["auth"] = {"type": "noauth"}
    elif step.key != KEY:
        request["auth"] = _bearer(step.key)
    if step.text is not None:
        request["header"].insert(0, {"key": "Content-Type", "value": "text/plain; charset=utf-8"})
        request["body"] = {"mode": "raw", "raw": step.text, "options": {"raw": {"language": "text"}}}
    elif step.example is not None or step.body is not None:
        example = {} if step.example is None else _example(operation, step.example)
        body = json.dumps({**example, **(step.body or {})}, indent=2, ensure_ascii=False)
        request["header"].insert(0, {"key": "Content-Type", "value": "application/json"})
        request["body"] = {"mode": "raw", "raw": body, "options": {"raw": {"language": "json"}}}
    return request


def _example(operation: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = operation["requestBody"]["content"]["application/json"]["examples"][name][
        "value"
    ]
    return found


def _named(
    parameters: Sequence[Mapping[str, Any]], place: str, given: Mapping[str, str]
) -> list[dict[str, Any]]:
    """All that the operation takes there; what is not given is switched off."""
    known = {one["name"]: one for one in parameters if one["in"] == place and one["name"] != "Content-Type"}
    if unknown := given.keys() - known.keys():
        raise KeyError(f"{sorted(unknown)} are no {place} parameters of this operation")
    return [
        {
            "key": name,
            "value": given.get(name, ""),
            "description": one.get("description", ""),
            **({} if name in given else {"disabled": True}),
        }
        for name, one in known.items()
    ]


def _examples(
    operation: Mapping[str, Any], request: Mapping[str, Any], document: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The answers that the document shows."""
    shown = []
    for status in operation["responses"]:
        said = answered(operation, int(status), document)
        kind = _kind(said)
        example = said.get("content", {}).get(kind, {}).get("example") if int(status) < 300 else None
        if example is not None:
            shown.append(
                {
                    "name": said["description"],
                    "originalRequest": {name: request[name] for name in ("method", "url")},
                    "code": int(status),
                    "status": "",
                    "header": [{"key": "Content-Type", "value": kind}],
                    "body": json.dumps(example, indent=2, ensure_ascii=False),
                }
            )
    return shown


def _kind(said: Mapping[str, Any]) -> str | None:
    content = said.get("content", {})
    return next((kind for kind in _PREFERRED if kind in content), None)


def _script(lines: Sequence[str]) -> dict[str, Any]:
    return {"listen": "test", "script": {"type": "text/javascript", "exec": list(lines)}}


def _bearer(token: str) -> dict[str, Any]:
    return {"type": "bearer", "bearer": [{"key": "token", "value": token, "type": "string"}]}
