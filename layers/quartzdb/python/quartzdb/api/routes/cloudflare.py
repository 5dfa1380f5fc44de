"""Routes of the Cloudflare-compatible surface: the wire contract of that deployment, over the default namespace.

A client that is switched here must not notice, so paths, fields and statuses are that deployment's, and stay so.
"""

from __future__ import annotations

from quartzdb.api.answer import Answer, json_answer
from quartzdb.api.call import Call
from quartzdb.api.operation import Family, JsonBody, Success
from quartzdb.api.preconditions import VERSION_HEADER
from quartzdb.api.receipts import unsaid
from quartzdb.api.routes.health import ANSWERS, health_answer
from quartzdb.api.schemas import cloudflare as schemas
from quartzdb.domain.errors import InvalidKey, KeyNotFound
from quartzdb.domain.limits import VALUES_JSON
from quartzdb.domain.namespace import Namespace
from quartzdb.domain.units import units_deleted, units_put
from quartzdb.services.keys import Scope
from quartzdb.services.keyvalue import NewItem

FAMILY = Family(
    "cloudflare", "The same paths and answers as the Cloudflare deployment, over the namespace `default`."
)

TEXT = "text/plain; charset=utf-8"


@FAMILY.operation(
    "GET",
    "/",
    summary="Name and version",
    scope=None,
    answers=(Success("The service and its version.", None, "QuartzDB 0.2.0", content_type=TEXT),),
)
def cf_root(call: Call) -> Answer:
    """Plain text."""
    settings = call.context.settings
    return Answer(200, f"{settings.service} {settings.version}\n".encode(), TEXT)


@FAMILY.operation("GET", "/health", summary="Health", scope=None, answers=ANSWERS)
def cf_health(call: Call) -> Answer:
    """What probes of both deployments ask."""
    return health_answer(call)


@FAMILY.operation(
    "POST",
    "/api/put",
    summary="Put a text",
    scope=Scope.WRITE,
    body=JsonBody(
        schemas.PutValue,
        {"one": {"key": "greeting", "value": "good morning"}},
        VALUES_JSON,
        any_type=True,
    ),
    answers=(
        Success(
            "It is stored.",
            schemas.KeyDone,
            {"success": True, "key": "greeting", "message": "Stored"},
            headers=(VERSION_HEADER,),
        ),
    ),
)
def cf_put(call: Call) -> Answer:
    """Key and value are strings."""
    body = call.json(schemas.PutValue, any_type=True)
    item = NewItem(body.key, body.value.encode("utf-8"), TEXT)
    namespace = _namespace(call)
    version = call.services.key_values.put(namespace, item)
    call.trace.used(units_put([len(item.value)], key_history=namespace.settings.key_history), 1)
    document = {"success": True, "key": body.key, "message": "Stored"}
    return json_answer(document, headers=((VERSION_HEADER, str(version)),))


@FAMILY.operation(
    "GET",
    "/api/get/{key:path}",
    summary="Get a text",
    scope=Scope.READ,
    answers=(
        Success(
            "The value.",
            schemas.ValueFound,
            {"success": True, "key": "greeting", "value": "good morning", "source": "storage"},
        ),
    ),
    errors=(404,),
)
def cf_get(call: Call) -> Answer:
    """A value that is no text, put through /v1, has each undecodable byte replaced."""
    key = call.parameters["key"]
    try:
        item = call.services.key_values.get(_namespace(call), key)
    except InvalidKey as error:
        raise KeyNotFound("There is no such key: it could not be one.", field="key") from error
    value = (item.value or b"").decode("utf-8", "replace")
    return unsaid(call, json_answer({"success": True, "key": key, "value": value, "source": "storage"}))


@FAMILY.operation(
    "DELETE",
    "/api/delete/{key:path}",
    summary="Delete a key",
    scope=Scope.WRITE,
    answers=(
        Success(
            "It is gone.",
            schemas.KeyDone,
            {"success": True, "key": "greeting", "message": "Deleted"},
            headers=(VERSION_HEADER,),
        ),
    ),
)
def cf_delete(call: Call) -> Answer:
    """Also for a key that does not exist."""
    key = call.parameters["key"]
    version, existed = call.services.key_values.delete(_namespace(call), key)
    call.trace.used(units_deleted(1), int(existed))
    document = {"success": True, "key": key, "message": "Deleted"}
    return json_answer(document, headers=((VERSION_HEADER, str(version)),))


def _namespace(call: Call) -> Namespace:
    return call.services.namespaces.default(call.principal.tenant, call.principal.grant)
