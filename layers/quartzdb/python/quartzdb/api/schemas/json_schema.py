"""JSON Schema of the schemas, for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic.json_schema import models_json_schema

from quartzdb.api.schemas.model import Body, Document, QueryString

PREFIX = "#/components/schemas/"


def reference(model: type[Body | Document]) -> dict[str, str]:
    """Where the schema of a model stands."""
    return {"$ref": PREFIX + model.__name__}


def definitions(models: Iterable[type[Body | Document]]) -> dict[str, Any]:
    """The schemas of models, and of all that they are made of, by name."""
    unique = dict.fromkeys(models)
    _, found = models_json_schema(
        [(model, "validation") for model in unique], ref_template=PREFIX + "{model}"
    )
    defined: dict[str, Any] = found["$defs"]
    return defined


def query_parameters(model: type[QueryString]) -> Iterator[dict[str, Any]]:
    """The parameters of a query string."""
    for name, found in model.model_json_schema().get("properties", {}).items():
        schema = {key: value for key, value in found.items() if key not in {"title", "description"}}
        if "anyOf" in schema:
            # In a query string null cannot be said, only left out.
            kinds = [kind for kind in schema.pop("anyOf") if kind != {"type": "null"}]
            schema = {**kinds[0], **schema}
        if schema.get("default", 0) is None:
            del schema["default"]
        yield {"name": name, "in": "query", "description": found.get("description", ""), "schema": schema}
