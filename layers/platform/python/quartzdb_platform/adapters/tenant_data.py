"""What projects have in a database on AWS: asked of a function of the database's, which alone has rights on it.

The function's documents are described in `quartzdb.aws_lambda.tenant_data_requests`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from quartzdb.adapters.aws.failure import told_as_unavailable
from quartzdb.domain.errors import (
    Conflict,
    Forbidden,
    InvalidArgument,
    InvalidCursor,
    NamespaceShared,
    NotFound,
    QuartzError,
    Unavailable,
)
from quartzdb_platform.ports import Held, HeldNamespace

if TYPE_CHECKING:
    from quartzdb.services.tenant_deletion import TenantRemains

_TOLD: Mapping[str, type[QuartzError]] = {
    one.code: one for one in (Conflict, Forbidden, InvalidArgument, InvalidCursor, NamespaceShared, NotFound)
}
_HINT = "It is tried again; the function's log says more."


class LambdaClient(Protocol):
    """What is used of a client of Lambda."""

    def invoke(self, **parameters: Any) -> Mapping[str, Any]:
        """As AWS has it."""
        ...


class TenantDataFunction:
    """`name`: of the function's alias. The client must never repeat an invocation by itself: one takes minutes."""

    def __init__(self, client: Callable[[], LambdaClient], name: str) -> None:
        self._client = client
        self._name = name

    def ask(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer. Raises what the function said was wrong with the request, Unavailable for all else."""
        with told_as_unavailable(f"The function {self._name}"):
            answer = self._client().invoke(
                FunctionName=self._name,
                InvocationType="RequestResponse",
                Payload=json.dumps(request).encode(),
            )
            payload = answer["Payload"].read()
        if answer.get("FunctionError"):
            raise Unavailable(f"The function {self._name} failed.", hint=_HINT)
        document: Mapping[str, Any] = json.loads(payload)
        wrong = document.get("error")
        if wrong is None:
            return document
        told = _TOLD.get(wrong["code"])
        if told is None:
            raise Unavailable(f"The function {self._name} says: {wrong['message']}", hint=_HINT)
        raise told(wrong["message"], field=wrong["field"], hint=wrong["hint"])


class FunctionSizes:
    """DataPlaneSizes."""

    def __init__(self, function: TenantDataFunction) -> None:
        self._function = function

    def held(self, tenant: str, *, exact: bool = False) -> Held:
        """What it holds; without `exact` what is not folded yet is missing."""
        return self._asked({"tenant": tenant, "exact": exact})[0]

    def described(self, tenant: str) -> tuple[Held, Sequence[HeldNamespace]]:
        """The same, and what each of its namespaces is: it is read for the one as for the other."""
        return self._asked({"tenant": tenant, "describe": True})

    def _asked(self, request: Mapping[str, Any]) -> tuple[Held, Sequence[HeldNamespace]]:
        held, namespaces, cursor = Held(0, 0), list[HeldNamespace](), None
        while True:
            page = self._function.ask({"do": "sizes", "cursor": cursor, **request})
            held = Held(held.bytes + page["bytes"], held.vectors + page["vectors"], held.keys + page["keys"])
            namespaces += (HeldNamespace(**one) for one in page.get("namespaces", ()))
            cursor = page["cursor"]
            if cursor is None:
                return held, namespaces


class FunctionTenants:
    """DataPlaneTenants."""

    def __init__(self, function: TenantDataFunction) -> None:
        self._function = function

    def run(self, tenant: str) -> TenantRemains:
        """Delete what can be deleted now, and say what is left."""
        # With it comes what a database is made of, and only who deletes needs that.
        from quartzdb.services.tenant_deletion import TenantRemains

        return TenantRemains(**self._function.ask({"do": "erase", "tenant": tenant}))


class Links(Protocol):
    """What makes links to archives."""

    def link(self, archive: str, file_name: str, seconds: int) -> str:
        """Good for so long."""
        ...


class FunctionArchives:
    """DataPlaneArchives. `function` None: this process makes links, and no archive."""

    def __init__(self, function: TenantDataFunction | None, links: Callable[[], Links]) -> None:
        self._function = function
        self._links = links

    def add(self, archive: str, step: int, files: Sequence[tuple[str, str]]) -> None:
        """Lines of files."""
        named = [{"name": name, "text": text} for name, text in files]
        self._ask({"do": "archive", "archive": archive, "step": step, "files": named})

    def add_project(
        self, archive: str, step: int, project_id: str, folder: str, cursor: str | None
    ) -> str | None:
        """Some of what a project has."""
        asked = {"do": "archive", "archive": archive, "step": step, "tenant": project_id}
        found: str | None = self._ask({**asked, "folder": folder, "cursor": cursor})["cursor"]
        return found

    def finish(self, archive: str, step: int) -> int:
        """It is whole."""
        asked = {"do": "archive", "archive": archive, "step": step, "finish": True}
        size: int = self._ask(asked)["bytes"]
        return size

    def link(self, archive: str, file_name: str, seconds: int) -> str:
        """Where it can be fetched. Asks nobody."""
        return self._links().link(archive, file_name, seconds)

    def delete(self, archive: str) -> None:
        """Leave nothing of it."""
        self._ask({"do": "forget_archive", "archive": archive})

    def _ask(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._function is None:
            raise Unavailable("Archives are made by the scheduled pass.", hint="It comes each minute.")
        return self._function.ask(request)
