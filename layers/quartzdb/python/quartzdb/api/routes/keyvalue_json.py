"""Routes of many key-value items at once, in JSON: listing and batches. Values that are no text travel in base64."""

from __future__ import annotations

import base64
import binascii

import orjson

from quartzdb.api.answer import Answer
from quartzdb.api.call import Call
from quartzdb.api.freshness import after, consistency_of
from quartzdb.api.operation import Family, IdempotentReplay, JsonBody, Success
from quartzdb.api.receipts import quote, read_answer, write_answer
from quartzdb.api.routes import keyvalue
from quartzdb.api.routes.vectors import READ, VERSION, WRITTEN
from quartzdb.api.schemas import keyvalue as schemas
from quartzdb.api.times import rfc3339_or_none
from quartzdb.domain.answer_budget import AnswerBudget
from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.limits import KEYS_JSON, VALUES_JSON
from quartzdb.domain.units import units_deleted, units_put
from quartzdb.services.keys import Scope
from quartzdb.services.keyvalue import DEFAULT_CONTENT_TYPE, NewItem
from quartzdb.storage.ports import Item

FAMILY = Family(keyvalue.FAMILY.tag, keyvalue.FAMILY.description)

_TEXT = "text/plain; charset=utf-8"
_ESCAPED = bytes([*range(32), ord('"'), ord("\\"), 127])
_ITEM = {
    "key": "greeting",
    "version": VERSION,
    "content_type": _TEXT,
    "expires_at": None,
    "value": "good morning",
}


@FAMILY.operation(
    "GET",
    "/v1/namespaces/{namespace}/kv",
    summary="List keys",
    scope=Scope.READ,
    query=schemas.ListItems,
    answers=(Success("A page.", schemas.ItemPage, {"items": [_ITEM], "cursor": None, "usage": READ}),),
)
def list_values(call: Call) -> Answer:
    """In code point order of the keys; with their values only if asked for."""
    query = call.query(schemas.ListItems)
    consistency_of(call, query)
    page = call.services.key_values.list(
        call.namespace(), prefix=query.prefix, cursor=query.cursor, limit=query.limit, values=query.values
    )
    budget = AnswerBudget()
    items = [item_document(item, budget, with_value=query.values) for item in page.items]
    return read_answer(call, {"items": items, "cursor": page.cursor}, records=len(items))


@FAMILY.operation(
    "POST",
    "/v1/namespaces/{namespace}/kv-batch/get",
    summary="Get several values",
    scope=Scope.READ,
    body=JsonBody(schemas.GetItems, {"two": {"keys": ["greeting", "farewell"]}}, KEYS_JSON),
    answers=(
        Success(
            "Those that exist.",
            schemas.ItemsFound,
            {
                "items": [_ITEM],
                "missing": ["farewell"],
                "usage": {"read_units": 2, "write_units": 0, "cost_usd": "0.000024"},
            },
        ),
    ),
)
def get_values(call: Call) -> Answer:
    """A key that does not exist is no error. The values together may have at most 32 MiB. Each key is a read."""
    namespace = call.namespace()
    body = call.json(schemas.GetItems)
    consistency_of(call, body)
    found = call.services.key_values.get_many(namespace, body.keys)
    budget = AnswerBudget()
    return read_answer(
        call,
        {
            "items": [
                item_document(found[key], budget, with_value=True) for key in body.keys if key in found
            ],
            "missing": [key for key in body.keys if key not in found],
        },
        reads=len(body.keys),
        records=len(found),
        dry_run=body.dry_run,
    )


@FAMILY.operation(
    "POST",
    "/v1/namespaces/{namespace}/kv-batch/put",
    summary="Put several values",
    scope=Scope.WRITE,
    body=JsonBody(
        schemas.PutItems,
        {
            "three": {
                "items": [
                    {"key": "greeting", "value": "good morning", "ttl_seconds": 3600},
                    {"key": "pixel", "value_base64": "iVBORw0KGgo=", "content_type": "image/png"},
                    {"key": "settings", "json": {"theme": "dark"}},
                ]
            }
        },
        VALUES_JSON,
    ),
    answers=(
        Success(
            "All are stored.",
            schemas.ItemsPut,
            {
                "put": 3,
                "version": VERSION,
                "usage": {"read_units": 0, "write_units": 3, "cost_usd": "0.000024"},
            },
        ),
    ),
    replay=IdempotentReplay.ACCEPTED,
)
def put_values(call: Call) -> Answer:
    """Several values: all of them or none."""
    namespace = call.namespace()
    body = call.json(schemas.PutItems)
    items = [_new_item(item, f"items[{position}]") for position, item in enumerate(body.items)]
    history = namespace.settings.key_history
    units = units_put((len(item.value) for item in items), key_history=history)
    if body.dry_run:
        call.services.key_values.check_put_many(items)
        return quote(call, units)
    version = call.services.key_values.put_many(namespace, items, after=after(body.version))
    return write_answer(call, {"put": len(items), "version": str(version)}, units, records=len(items))


@FAMILY.operation(
    "POST",
    "/v1/namespaces/{namespace}/kv-batch/delete",
    audit="items.delete",
    summary="Delete several keys",
    scope=Scope.WRITE,
    body=JsonBody(schemas.DeleteItems, {"two": {"keys": ["greeting", "farewell"]}}, KEYS_JSON),
    answers=(
        Success("They are gone.", schemas.ItemsDeleted, {"deleted": 1, "version": VERSION, "usage": WRITTEN}),
    ),
    replay=IdempotentReplay.ACCEPTED,
)
def delete_values(call: Call) -> Answer:
    """Several keys: all of them or none. A key that does not exist is no error."""
    namespace = call.namespace()
    body = call.json(schemas.DeleteItems)
    units = units_deleted(len(body.keys))
    if body.dry_run:
        call.services.key_values.check_delete_many(body.keys)
        return quote(call, units)
    version, existed = call.services.key_values.delete_many(namespace, body.keys, after=after(body.version))
    return write_answer(call, {"deleted": existed, "version": str(version)}, units, records=existed)


def item_document(item: Item, budget: AnswerBudget, *, with_value: bool) -> dict[str, object]:
    """An item as answers have it: text as it is, other bytes in base64. Raises AnswerTooLarge."""
    document: dict[str, object] = {
        "key": item.key,
        "version": str(item.version),
        "content_type": item.content_type,
        "expires_at": rfc3339_or_none(item.expires_at_ms),
    }
    if with_value and item.value is not None:
        try:
            document["value"] = item.value.decode("utf-8")
            budget.take(_quoted_bytes(item.value))
        except UnicodeDecodeError:
            document["value_base64"] = base64.b64encode(item.value).decode("ascii")
            budget.take(len(item.value) * 4 // 3)
    return document


def _quoted_bytes(text: bytes) -> int:
    """What it has as a JSON string, or somewhat more: a control character becomes six."""
    return 6 * len(text) - 5 * len(text.translate(None, _ESCAPED))


def _new_item(item: schemas.ItemToPut, field: str) -> NewItem:
    if (item.value is not None) + (item.value_base64 is not None) + (
        "json_value" in item.model_fields_set
    ) != 1:
        raise InvalidArgument(
            "An item needs exactly one of `value`, `value_base64` and `json`.",
            field=field,
            hint="`value` is text, `value_base64` bytes, `json` any JSON value.",
        )
    if item.value is not None:
        value, content_type = item.value.encode("utf-8"), _TEXT
    elif item.value_base64 is not None:
        value, content_type = _bytes(item.value_base64, f"{field}.value_base64"), DEFAULT_CONTENT_TYPE
    else:
        value, content_type = _json(item.json_value, f"{field}.json"), "application/json"
    return NewItem(item.key, value, item.content_type or content_type, item.ttl_seconds)


def _bytes(text: str, field: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidArgument(
            "The string is not valid base64.", field=field, hint="Use the standard alphabet, with padding."
        ) from error


def _json(value: object, field: str) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError as error:
        raise InvalidArgument(
            "The JSON value is nested too deep.", field=field, hint="Send its text as `value`."
        ) from error
