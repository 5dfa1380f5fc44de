"""What a function prepares before its memory is copied, and what copies do not share."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from types import ModuleType

import pytest

from quartzdb.adapters.aws import trusting_session
from quartzdb.api.schemas.model import Body
from quartzdb.aws_lambda.http_function import http_function
from quartzdb.aws_lambda.settings import FunctionSettings
from quartzdb.domain import values
from quartzdb.wiring.aws_clients import AwsClients
from tests.plain_trust import trust_plainly

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:origin-AbCdEf"


def _settings() -> FunctionSettings:
    # A logger remembers by its name what it was made with.
    service = f"copied-{secrets.token_hex(4)}"
    return FunctionSettings("table", "bucket", service, region="us-east-1", origin_secret_arn=ARN)


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Callable[[], None]]]:
    """What is registered with Lambda's runtime, which brings the package of this name."""
    found: dict[str, list[Callable[[], None]]] = {"before": [], "after": []}
    runtime = ModuleType("snapshot_restore_py")
    runtime.register_before_snapshot = found["before"].append  # type: ignore[attr-defined]
    runtime.register_after_restore = found["after"].append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", runtime)
    return found


def test_a_snapshot_has_what_the_first_request_would_prepare(
    hooks: dict[str, list[Callable[[], None]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Validators, methods, a library's lazy part, the client of the origin secret, whom to trust: nothing of that waits
    for a request.
    """
    trust_plainly(monkeypatch)
    made = []
    client = AwsClients._client

    def counted(self: AwsClients, service: str, *given: object) -> object:
        made.append(service)
        return client(self, service, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(AwsClients, "_client", counted)

    class Latecomer(Body):
        number: int

    @values.dataclass(frozen=True, slots=True)
    class Value:
        number: int

    def complete() -> bool:
        return bool(Latecomer.__pydantic_complete__)

    assert not complete()
    http_function(_settings())
    assert "secretsmanager" not in made, "only a snapshot is worth it"
    (prepare,) = hooks["before"]
    trusting_session._trusting.cache_clear()
    prepare()
    assert "secretsmanager" in made
    assert trusting_session._trusting.cache_info().currsize, "certificates of authorities were read"
    assert complete()
    assert Latecomer.model_validate({"number": 1}).number == 1
    assert "numpy.ma" in sys.modules
    assert not values._waiting
    assert Value(1) == Value(number=1)
    prepare()  # may be called again
    assert len(hooks["after"]) == 1


def test_without_snapshots_nothing_is_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator and functions without them have no such package, and start as they did."""
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", None)
    called = []
    monkeypatch.setattr("quartzdb.aws_lambda.http_function.prepare", lambda: called.append(1))
    http_function(_settings())
    assert called == []
