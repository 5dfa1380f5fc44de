"""Refuses what a tenant's grant does not allow, and says where more of it can be had."""

from __future__ import annotations

from quartzdb.domain.errors import LimitReached, Reached
from quartzdb.domain.grant import Block, TenantGrant

MONEY = "micro-dollars"
"""The unit of a block that is about money: programs are told whole numbers of it, people dollars."""
_NOWHERE = "Ask whoever runs this database."


def require_unblocked(grant: TenantGrant, *, reads: bool, writes: bool, now_ms: int) -> None:
    """Raises LimitReached where the grant refuses reads, or writes, at that time.

    A block ends by itself when its time is over: nobody has to be there to lift it.
    """
    if reads and grant.reads_blocked is not None and _stands(grant.reads_blocked, now_ms):
        raise _blocked("reads", grant.reads_blocked)
    if writes and grant.writes_blocked is not None and _stands(grant.writes_blocked, now_ms):
        raise _blocked("writes", grant.writes_blocked)


def require_room(grant: TenantGrant, limit: str, present: int, unit: str) -> None:
    """Raises LimitReached where so many are all that the grant's limit of that name allows."""
    allowed = getattr(grant.limits, limit)
    if allowed is not None and present >= allowed:
        raise _beyond(grant, Reached(limit, present, allowed, unit), f"There are {present:,} {unit} already")


def require_at_most(grant: TenantGrant, limit: str, wanted: int, unit: str, *, field: str) -> None:
    """Raises LimitReached where the grant's limit of that name allows less than what is asked for."""
    allowed = getattr(grant.limits, limit)
    if allowed is not None and wanted > allowed:
        raise _beyond(
            grant, Reached(limit, wanted, allowed, unit), f"This asks for {wanted:,} {unit}", field=field
        )


def _beyond(grant: TenantGrant, reached: Reached, what: str, *, field: str | None = None) -> LimitReached:
    of = f"the plan {grant.plan!r}" if grant.plan else "this project"
    return LimitReached(
        f"{what}, and {of} allows {reached.allowed:,}.",
        reached._replace(raise_at=grant.raise_at),
        hint=_hint(grant.raise_at),
        field=field,
    )


def _stands(block: Block, now_ms: int) -> bool:
    return block.until_ms is None or now_ms < block.until_ms


def _blocked(what: str, block: Block) -> LimitReached:
    limit = block.limit.replace("_", " ")
    reached = Reached(block.limit, block.used, block.allowed, block.unit, block.until_ms, block.raise_at)
    if block.unit == MONEY:
        told = f"{_dollars(block.used)} of your {limit} of {_dollars(block.allowed)}"
    else:
        told = f"{limit}, {block.used:,} of {block.allowed:,} {block.unit}"
    return LimitReached(
        f"This project's {what} are refused, because a limit is reached: {told}.",
        reached,
        hint=f"Nothing was deleted, and deleting is possible. {_hint(block.raise_at)}",
    )


def _dollars(micro_dollars: int) -> str:
    whole, rest = divmod(micro_dollars, 1_000_000)
    return f"${whole:,}.{f'{rest:06}'.rstrip('0').ljust(2, '0')}"


def _hint(raise_at: str | None) -> str:
    return f"Raise it at {raise_at}" if raise_at else _NOWHERE
