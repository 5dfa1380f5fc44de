"""Routes of API keys: create, list, rotate, revoke. A key's text is in one answer only, and never in a log."""

from __future__ import annotations

from quartzdb.api.answer import Answer, json_answer
from quartzdb.api.call import Call
from quartzdb.api.operation import Family, IdempotentReplay, JsonBody, Success
from quartzdb.api.schemas import keys as schemas
from quartzdb.api.times import rfc3339, rfc3339_or_none
from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.limits import TTL_SECONDS_MAX
from quartzdb.services.keys import Scope
from quartzdb.services.ports import ApiKey

FAMILY = Family("keys", "API keys and what they may do.")

_KEY = {
    "id": "5f2b8c0d91ae",
    "name": "the website",
    "scopes": ["read"],
    "created_at": "2025-01-01T12:00:00.000Z",
    "expires_at": None,
    "revoked_at": None,
    "namespaces": None,
    "created_by": "0c41d7a9be52",
    "last_used_at": "2025-01-02T08:15:00.000Z",
}


@FAMILY.operation(
    "POST",
    "/v1/keys",
    summary="Create an API key",
    audit="key.create",
    scope=Scope.ADMIN,
    body=JsonBody(schemas.NewKey, {"reader": {"name": "the website", "scopes": ["read"]}}),
    answers=(
        Success(
            "The key, this once.", schemas.KeyCreated, {**_KEY, "key": "qdb_live_5f2b8c0d91ae_…"}, status=201
        ),
    ),
    replay=IdempotentReplay.REFUSED,
)
def create_key(call: Call) -> Answer:
    """A key can grant only what it has: scopes, namespaces, and its own time; anything else is 403 `forbidden`.

    The answer has the key's text, which is not stored and cannot be seen again. So no Idempotency-Key is taken."""
    body = call.json(schemas.NewKey)
    expires_at_ms = _ends_ms(call, body.expires_in_seconds)
    key, text = call.services.api_keys.create(
        call.principal.tenant,
        body.name,
        body.scopes,
        expires_at_ms=expires_at_ms,
        namespaces=body.namespaces,
        by=call.principal,
    )
    call.trace.target = key.id
    return json_answer({**_summary(key), "key": text}, 201)


@FAMILY.operation(
    "GET",
    "/v1/keys",
    summary="List API keys",
    scope=Scope.ADMIN,
    answers=(Success("All keys.", schemas.KeyList, {"keys": [_KEY]}),),
)
def list_keys(call: Call) -> Answer:
    """By creation time, revoked ones included. Never with their text. A key that is restricted to namespaces sees those
    keys that are restricted to the same or fewer.
    """
    found = call.services.api_keys.list(call.principal.tenant, by=call.principal)
    return json_answer({"keys": [_summary(key) for key in found]})


@FAMILY.operation(
    "POST",
    "/v1/keys/{id}/rotate",
    summary="Rotate an API key",
    audit="key.rotate",
    scope=Scope.ADMIN,
    body=JsonBody(schemas.RotateKey, {"a day": {"overlap_seconds": 86_400}}, optional=True),
    answers=(
        Success(
            "The key that follows, this once.",
            schemas.KeyRotated,
            {
                **_KEY,
                "last_used_at": None,
                "key": "qdb_live_5f2b8c0d91ae_…",
                "replaces": {"id": "3f9c2a1b04de", "expires_at": "2025-01-02T12:00:00.000Z"},
            },
            status=201,
        ),
    ),
    errors=(404, 409),
    replay=IdempotentReplay.REFUSED,
)
def rotate_key(call: Call) -> Answer:
    """A new key with the name, scopes and namespaces of another, which goes on for `overlap_seconds`: put the new one
    in place meanwhile. 0 ends it now. Its end only ever moves nearer.

    As of any new key, whoever asks needs what it gets. Other processes may take the old key for good for some seconds
    more."""
    body = call.json(schemas.RotateKey, optional=True)
    made = call.context.authenticator.rotate(
        call.principal,
        call.parameters["id"],
        body.overlap_seconds,
        expires_at_ms=_ends_ms(call, body.expires_in_seconds),
    )
    call.trace.target = f"{made.replaced.id},{made.key.id}"
    replaces = {"id": made.replaced.id, "expires_at": rfc3339_or_none(made.replaced.expires_at_ms)}
    return json_answer({**_summary(made.key), "key": made.text, "replaces": replaces}, 201)


@FAMILY.operation(
    "DELETE",
    "/v1/keys/{id}",
    summary="Revoke an API key",
    audit="key.revoke",
    scope=Scope.ADMIN,
    query=schemas.RevokeKey,
    answers=(Success("It has ended.", schemas.KeyRevoked, {"revoked": True, "ids": ["5f2b8c0d91ae"]}),),
    errors=(404,),
    replay=IdempotentReplay.ACCEPTED,
    while_read_only=True,  # a key that got into wrong hands has to end, whatever else may be changed
)
def revoke_key(call: Call) -> Answer:
    """With `cascade=true` also every key that was made with it, directly or not. Other processes may take a key for
    good for some seconds more.
    """
    cascade = call.query(schemas.RevokeKey).cascade
    ended = call.context.authenticator.revoke(call.principal, call.parameters["id"], cascade=cascade)
    call.trace.target = ",".join(ended)
    return json_answer({"revoked": True, "ids": list(ended)})


def _ends_ms(call: Call, expires_in_seconds: int | None) -> int | None:
    if expires_in_seconds is None:
        return None
    if not 1 <= expires_in_seconds <= TTL_SECONDS_MAX:
        raise InvalidArgument(
            f"A key expires in 1 to {TTL_SECONDS_MAX} seconds, not {expires_in_seconds}.",
            field="expires_in_seconds",
            hint="Leave it out for a key that does not expire.",
        )
    return call.services.clock.unix_ms() + expires_in_seconds * 1000


def _summary(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": rfc3339(key.created_at_ms),
        "expires_at": rfc3339_or_none(key.expires_at_ms),
        "revoked_at": rfc3339_or_none(key.revoked_at_ms),
        "namespaces": None if key.namespaces is None else sorted(key.namespaces),
        "created_by": key.created_by,
        "last_used_at": rfc3339_or_none(key.last_used_at_ms),
    }
