"""The work of a request: the steps between its body and its handler that are the same for every operation."""

from __future__ import annotations

from dataclasses import replace

from quartzdb.api.answer import Answer
from quartzdb.api.body import inflate, is_compressed
from quartzdb.api.call import Call
from quartzdb.api.freshness import freshness_headers, look_behind
from quartzdb.api.idempotency import perform
from quartzdb.api.json_structure import check_structure
from quartzdb.api.operation import JsonBody, Operation, RawBody
from quartzdb.api.preconditions import CONDITIONS, no_condition
from quartzdb.api.schemas.model import NoQuery
from quartzdb.api.shares import Share
from quartzdb.api.surface import is_cloudflare
from quartzdb.domain.deadline import ReadDeadline, within
from quartzdb.domain.freeing import freeing
from quartzdb.domain.values import dataclass
from quartzdb.replication.ports import Behind


@dataclass(frozen=True, slots=True)
class ServedOperation:
    """An operation, and what of it is the same for each of its requests.

    `bytes_max`: of a body, as sent or inflated. `of_cloudflare`: which surface it belongs to. `looks_at_conditions`:
    whether its handler does; otherwise a request that has one is refused. `tells_freshness`: whether it reads what
    another site may have written.
    """

    operation: Operation
    bytes_max: int
    of_cloudflare: bool
    changes: bool
    reads_data: bool
    writes_data: bool
    looks_at_region: bool
    frees_space: bool
    looks_at_conditions: bool
    tells_freshness: bool

    @classmethod
    def of(cls, operation: Operation, body_bytes_max: int) -> ServedOperation:
        """The operation with bodies of at most so many bytes, or fewer where it says so."""
        body = operation.body
        if isinstance(body, RawBody):
            body_bytes_max = min(body_bytes_max, body.bytes_max)
        elif body is not None:
            body_bytes_max = min(body_bytes_max, body.limit.bytes_max)
        of_cloudflare = is_cloudflare(operation.path)
        return cls(
            operation,
            body_bytes_max,
            of_cloudflare,
            changes=operation.changes,
            reads_data=operation.reads_data,
            writes_data=operation.writes_data,
            looks_at_region=operation.writes_data or operation.name == "create_namespace",
            frees_space=operation.frees_space,
            looks_at_conditions=of_cloudflare
            or operation.method in {"GET", "HEAD"}
            or CONDITIONS[0] in operation.headers,
            tells_freshness=operation.tells_freshness,
        )


def work(
    served: ServedOperation, call: Call, share: Share | None, deadline: ReadDeadline | None = None
) -> Answer:
    """The answer to a call. For threads: it may block. Raises what is wrong with it."""
    with within(deadline), freeing(served.frees_space):
        return done(served, prepared(served, call, share))


def done(served: ServedOperation, call: Call) -> Answer:
    """The answer to a call that is prepared. A read that another site's writes come late to says how late."""
    if served.tells_freshness:
        look_behind(call)
    answer = perform(served.operation, call)
    return answer if call.behind is None else with_freshness(answer, call.behind)


def with_freshness(answer: Answer, behind: Behind) -> Answer:
    """The answer with the headers that say how far behind the active site it is."""
    return replace(answer, headers=(*answer.headers, *freshness_headers(behind)))


def prepared(served: ServedOperation, call: Call, share: Share | None) -> Call:
    """The call with all of it checked that is the same for every operation. Raises what is wrong with it."""
    operation = served.operation
    if share is not None and operation.body is not None:
        call = _measured(operation.body, call, served.bytes_max, share)
    if operation.query is NoQuery and not served.of_cloudflare and call.query_string:
        call.query(NoQuery)
    if not served.looks_at_conditions:
        no_condition(call.headers, "this operation looks at no single record or key.")
    return call


def _measured(body: JsonBody | RawBody, call: Call, limit: int, share: Share) -> Call:
    """The call with its body inflated, and held in the share as what it will be parsed to."""
    if is_compressed(call.headers):
        call = replace(call, body=inflate(call.body, limit, share))
    if isinstance(body, JsonBody):
        share.hold(check_structure(call.body, body.limit).memory_bytes)
    return call
