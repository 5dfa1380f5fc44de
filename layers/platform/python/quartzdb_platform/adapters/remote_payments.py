"""Payments by another function, which alone has Stripe's SDK and its key: a call is a method's name and its arguments.

Both sides take the types from `Payments`, so that nothing is written down twice; what a type does not have is refused.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, cast, get_type_hints

from pydantic import TypeAdapter, ValidationError

from quartzdb.adapters.aws.failure import told_as_unavailable
from quartzdb.domain.errors import Conflict, InvalidArgument, NotFound, QuartzError, Unavailable
from quartzdb_platform.domain.errors import PaymentDeclined
from quartzdb_platform.payments import Payments

METHODS = tuple(name for name in vars(Payments) if not name.startswith("_"))
_ERRORS: tuple[type[QuartzError], ...] = (PaymentDeclined, InvalidArgument, NotFound, Conflict, Unavailable)
Invoke = Callable[[bytes], bytes]


def remote_payments(invoke: Invoke) -> Payments:
    """`invoke` hands a request over and gives the answer; it raises Unavailable."""
    return cast("Payments", _Remote(invoke))


def invoker(client: Callable[[], Any], function: str) -> Invoke:
    """By AWS Lambda. No client is made before the first call."""

    def invoke(payload: bytes) -> bytes:
        with told_as_unavailable("The function that asks Stripe"):
            answer = client().invoke(FunctionName=function, Payload=payload)
            body: bytes = answer["Payload"].read()
        if "FunctionError" in answer:
            raise Unavailable("The function that asks Stripe failed.", hint="Try again in a minute.")
        return body

    return invoke


def answered(payments: Payments, request: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the other side answers: `result`, or the `error` that was raised. Raises InvalidArgument for no request."""
    name, given = request.get("do"), request.get("with")
    if name not in METHODS or not isinstance(given, Mapping):
        raise InvalidArgument("This asks for nothing that payments do.", field="do")
    types = _types(str(name))
    try:
        arguments = {key: types[key].validate_python(value) for key, value in given.items()}
    except (KeyError, ValidationError) as error:
        raise InvalidArgument(f"{name} is asked with the wrong arguments: {error}", field="with") from error
    try:
        result = getattr(payments, str(name))(**arguments)
    except QuartzError as error:
        kind = next((one for one in _ERRORS if isinstance(error, one)), None)
        if kind is None:
            raise
        return {
            "error": {"code": kind.code, "message": error.message, "field": error.field, "hint": error.hint}
        }
    return {"result": types["return"].dump_python(result, mode="json")}


class _Remote:
    """Every method of Payments."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in METHODS:
            raise AttributeError(name)
        types = _types(name)
        signature = inspect.signature(getattr(Payments, name))

        def call(*given: Any, **named: Any) -> Any:
            arguments = dict(signature.bind(self, *given, **named).arguments)
            del arguments["self"]
            sent = {key: types[key].dump_python(value, mode="json") for key, value in arguments.items()}
            answer = json.loads(self._invoke(json.dumps({"do": name, "with": sent}).encode()))
            if "error" in answer:
                raise _error(answer["error"])
            return types["return"].validate_python(answer["result"])

        return call


def _error(told: Mapping[str, Any]) -> QuartzError:
    kind = next((one for one in _ERRORS if one.code == told["code"]), Unavailable)
    return kind(told["message"], field=told["field"], hint=told["hint"])


@cache
def _types(method: str) -> Mapping[str, TypeAdapter[Any]]:
    return {name: TypeAdapter(hint) for name, hint in get_type_hints(getattr(Payments, method)).items()}
