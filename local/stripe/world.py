"""What every part of the server works on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from local.stripe.ids import Ids
from local.stripe.store import Object, Store

DAY = 86_400


@dataclass(frozen=True, slots=True)
class Settings:
    """What Stripe lets one choose in its dashboard, as far as it matters here. Days are counted from the
    attempt before."""

    retry_days: tuple[int, ...] = (3, 5, 7)
    after_retries: Literal["cancel", "unpaid", "past_due"] = "cancel"
    upcoming_days: int = 7
    """How long before a renewal `invoice.upcoming` is sent."""
    draft_hours: int = 1
    """For how long an invoice of a renewal stays a draft, so that late usage still gets onto it."""
    account_name: str = "QuartzDB (local)"


@dataclass(slots=True)
class Asked:
    """The request that is being answered, for the events that come of it. Neither: time itself did it."""

    request: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class World:
    """`wall` is the time of all that is on no test clock, in seconds. `url` is where this server is reached."""

    store: Store
    ids: Ids
    wall: Callable[[], int]
    url: str
    settings: Settings
    asked: Asked = field(default_factory=Asked)

    def now(self, customer: Object | None = None) -> int:
        """The customer's time, in seconds: that of its test clock where it is on one."""
        if customer is not None and customer.get("test_clock"):
            frozen: int = self.store.get("test_helpers.test_clock", customer["test_clock"])["frozen_time"]
            return frozen
        return self.wall()
