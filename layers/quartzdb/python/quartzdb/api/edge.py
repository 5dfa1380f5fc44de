"""The edge: the ASGI application, one pass from the first header of a request to the line that it leaves behind.

id and trace → preflight → admission → route → dispatch; errors become answers, every answer gets the same few headers
and is sent, and its line is written. It is one function and no chain of middleware, because each link would wrap the
one inside and every message of it, which costs more than what most of them do.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable

from quartzdb.api.access_log import AccessLog
from quartzdb.api.admission import EXEMPT, Admission
from quartzdb.api.answer import Answer
from quartzdb.api.asgi import AsgiScope, Message, RawHeaders, Receive, Send
from quartzdb.api.cors import OPEN_TO_PAGES, PREFLIGHT
from quartzdb.api.dispatch import Dispatcher, Served
from quartzdb.api.failures import answer_to
from quartzdb.api.following import STOPPING
from quartzdb.api.incoming import Incoming
from quartzdb.api.operation import Operation
from quartzdb.api.raw_path import canonical_path, decoded
from quartzdb.api.refusals import MethodNotAllowed, RouteNotFound
from quartzdb.api.request_headers import RequestHeaders
from quartzdb.api.request_id import HEADER, request_id_of
from quartzdb.api.route_table import RouteMatch, RouteTable
from quartzdb.api.sending import raw_headers, send_answer
from quartzdb.api.surface import is_cloudflare
from quartzdb.api.trace import Trace, begin_trace
from quartzdb.api.work import ServedOperation

_ID_HEADER = HEADER.lower().encode()
# Values are users' bytes: a browser must never guess that some of them are a page.
_NOTHING_GUESSED = (b"x-content-type-options", b"nosniff")
# A cache in front would else hand out one key's answer to another, or health of yesterday.
_NOT_KEPT = (b"cache-control", b"no-store")


_BRIEF_PATHS_MAX = 4_096
_BRIEF_PATH_BYTES_MAX = 256


class Edge:
    """Of one process. `new_id` makes ids that do not repeat; `timer` gives seconds."""

    def __init__(
        self,
        operations: Iterable[Operation],
        dispatcher: Dispatcher,
        admission: Admission,
        access_log: AccessLog,
        *,
        new_id: Callable[[], str] = lambda: os.urandom(16).hex(),
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._dispatcher = dispatcher
        self._admission = admission
        self._access_log = access_log
        self._new_id = new_id
        self._timer = timer
        self._table: RouteTable[ServedOperation] = RouteTable()
        self._brief_paths: dict[bytes, tuple[str, RouteMatch[ServedOperation]]] = {}
        """Of operations that may be brief, by the path as it came: there are few, and each is asked for again."""
        self.routes: list[tuple[str, str]] = []
        """Method and path of each operation."""
        for operation in operations:
            self._table.add(operation.method, operation.path, dispatcher.served(operation))
            self.routes.append((operation.method, operation.path))

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer a request. Raises where half an answer is sent: only closing the connection tells the client."""
        if scope["type"] != "http":
            await _live(receive, send)
            return
        begun = self._timer()
        headers = RequestHeaders(scope["headers"])
        trace = begin_trace(scope, request_id_of(headers, self._new_id))
        path = scope["path"]
        entered, share, stream = False, None, None
        status, bytes_out = None, 0
        try:
            try:
                if scope["method"] == "OPTIONS" and is_cloudflare(path):
                    answer = PREFLIGHT
                else:
                    if path not in EXEMPT:
                        self._admission.enter()
                        entered = True
                    answer, share, stream = await self._served(scope, headers, trace, receive)
                sent_headers = _headers(answer, path, trace)
            except Exception as error:  # noqa: BLE001 - the last place where anything at all can be answered
                answer = answer_to(error, path, trace)
                sent_headers = _headers(answer, path, trace)
            # The length in the headers stays that of the body.
            if stream is not None:
                status = answer.status
                await stream.send(sent_headers, receive, send)
                return
            body = b"" if scope["method"] == "HEAD" else answer.body
            status, bytes_out = answer.status, len(body)
            await send_answer(answer, sent_headers, body, send)
        finally:
            if share is not None:
                share.end()
            if entered:
                self._admission.leave()
            if stream is not None:
                bytes_out = stream.sent_bytes
            self._access_log.write(trace, status, self._timer() - begun, bytes_out)

    async def _served(
        self, scope: AsgiScope, headers: RequestHeaders, trace: Trace, receive: Receive
    ) -> Served:
        method = scope["method"]
        client = scope.get("client")
        address = client[0] if client else ""
        known = self._brief_paths.get(scope.get("raw_path") or b"") if method == "POST" else None
        if known is None:
            path = canonical_path(scope)
            found = self._table.find(method, path)
            if found is None:
                raise await self._nothing(method, path, headers, address)
            found = RouteMatch(
                found.endpoint, {name: decoded(value) for name, value in found.parameters.items()}
            )
            self._remember(scope, path, found)
        else:
            path, found = known
        parameters = found.parameters
        stopping = scope.get(STOPPING)
        incoming = Incoming(
            method, path, parameters, scope["query_string"], headers, address, trace, stopping
        )
        return await self._dispatcher.serve(found.endpoint, incoming, receive)

    def _remember(self, scope: AsgiScope, path: str, found: RouteMatch[ServedOperation]) -> None:
        raw = scope.get("raw_path") or b""
        if found.endpoint.operation.kind_of is None or not raw or len(raw) > _BRIEF_PATH_BYTES_MAX:
            return
        if len(self._brief_paths) >= _BRIEF_PATHS_MAX:
            self._brief_paths.clear()  # found again within a request each
        self._brief_paths[raw] = path, found

    async def _nothing(
        self, method: str, path: str, headers: RequestHeaders, address: str
    ) -> MethodNotAllowed | RouteNotFound:
        """What to say where the table has nothing. Raises Unauthenticated, TooManyFailures."""
        if path.startswith("/api/"):
            # There, who has no key learns nothing of what exists.
            await self._dispatcher.principal(headers, address)
        allowed = self._table.methods(path)
        if allowed and not is_cloudflare(path):
            return MethodNotAllowed(method, allowed)
        return RouteNotFound("There is nothing at this path.", hint="GET /docs lists what there is.")


def _headers(answer: Answer, path: str, trace: Trace) -> RawHeaders:
    headers = raw_headers(answer)
    headers.append(_NOTHING_GUESSED)
    if not (answer.headers and any(name == b"cache-control" for name, _ in headers)):
        headers.append(_NOT_KEPT)
    if is_cloudflare(path):
        headers.append(OPEN_TO_PAGES)
    headers.append((_ID_HEADER, trace.request_id.encode("latin-1")))
    return headers


async def _live(receive: Receive, send: Send) -> None:
    """A server's start and stop, for which there is nothing to do here."""
    while True:
        message: Message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
