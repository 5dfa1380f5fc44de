"""Writing many records: in parts, some of them side by side, with a report of what was refused."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from quartzdb_client.errors import QuartzDBError

if TYPE_CHECKING:
    from asyncio import Task

    from quartzdb_client._async.namespace import AsyncNamespace
    from quartzdb_client._sync.namespace import Namespace
    from quartzdb_client.types import Upserted

BATCH_SIZE = 500
PARALLEL = 4
Records = list[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class FailedPart:
    """Records that were not written, all for one reason: a part is written whole or not at all."""

    ids: list[str]
    error: QuartzDBError


@dataclass(slots=True)
class Report:
    """What became of many records. `version` is the highest that was written, None where nothing was."""

    upserted: int = 0
    version: str | None = None
    parts_failed: list[FailedPart] = field(default_factory=list)

    @property
    def failed(self) -> dict[str, QuartzDBError]:
        """By id, why a record was not written."""
        return {one: part.error for part in self.parts_failed for one in part.ids}

    def note(self, part: Records, outcome: Upserted | QuartzDBError) -> None:
        """Add what became of a part."""
        if isinstance(outcome, QuartzDBError):
            self.parts_failed.append(FailedPart([str(record["id"]) for record in part], outcome))
        else:
            self.upserted += outcome.upserted
            self.version = max(self.version or "", outcome.version)


def upsert_many(
    namespace: Namespace,
    records: Iterable[Mapping[str, Any]],
    *,
    batch_size: int = BATCH_SIZE,
    parallel: int = PARALLEL,
) -> Report:
    """Write records that come from anywhere, also more than memory holds. What is refused is reported, not raised.

    Of one id that comes twice either may stay: parts are written side by side.
    """
    report = Report()
    with ThreadPoolExecutor(parallel, thread_name_prefix="quartzdb-upsert") as pool:
        under_way: dict[Future[Upserted], Records] = {}
        for part in _parts(records, batch_size):
            if len(under_way) >= parallel:
                _collect(under_way, report)
            under_way[pool.submit(namespace.upsert, part)] = part
        while under_way:
            _collect(under_way, report)
    return report


async def upsert_many_async(
    namespace: AsyncNamespace,
    records: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
    *,
    batch_size: int = BATCH_SIZE,
    parallel: int = PARALLEL,
) -> Report:
    """The same for an asynchronous namespace, from an iterable of either kind."""
    import asyncio

    report = Report()
    under_way: dict[Task[Upserted], Records] = {}

    async def collect() -> None:
        done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            report.note(under_way.pop(task), _outcome(task))

    try:
        async for part in _parts_async(records, batch_size):
            if len(under_way) >= parallel:
                await collect()
            under_way[asyncio.create_task(namespace.upsert(part))] = part
        while under_way:
            await collect()
    finally:
        for task in under_way:
            task.cancel()
    return report


def _collect(under_way: dict[Future[Upserted], Records], report: Report) -> None:
    done, _ = wait(under_way, return_when=FIRST_COMPLETED)
    for future in done:
        report.note(under_way.pop(future), _outcome(future))


def _outcome(done: Future[Upserted] | Task[Upserted]) -> Upserted | QuartzDBError:
    error = done.exception()
    if error is None:
        return done.result()
    if isinstance(error, QuartzDBError):
        return error
    raise error


def _parts(records: Iterable[Mapping[str, Any]], size: int) -> Iterator[Records]:
    part: Records = []
    for record in records:
        part.append(record)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


async def _parts_async(
    records: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]], size: int
) -> AsyncIterator[Records]:
    if not isinstance(records, AsyncIterable):
        for part in _parts(records, size):
            yield part
        return
    part = []
    async for record in records:
        part.append(record)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part
