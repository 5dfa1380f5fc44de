"""A till: the port that billing has to Stripe, in memory, where tests say what Stripe would. What the adapter makes of
Stripe itself is tested with a server.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from quartzdb.domain.errors import Unavailable
from quartzdb_platform.domain.billing import Card, CustomerFacts, Debt, Subscription, month_anchor_ms
from quartzdb_platform.domain.calendar import month_of
from quartzdb_platform.domain.catalogue import Catalogue, meter_keys, month_key, plan_of_key
from quartzdb_platform.domain.errors import PaymentDeclined
from quartzdb_platform.domain.plan import Plans
from quartzdb_platform.payments import CheckoutRequest, Invoice, LateUsage, UsageEvent
from quartzdb_platform.plans.plan_file import load_plans
from tests.manual_clock import ManualClock

SECRET = "whsec_of_tests"


@dataclass
class Till:
    """`made`: the ends of months whose invoices are made. `reads`: how often a customer was asked for. `is_down`:
    nothing is answered. `declines`: no card is taken.
    """

    clock: ManualClock
    accounts: dict[str, CustomerFacts] = field(default_factory=dict)
    credits: dict[str, tuple[str, int]] = field(default_factory=dict)
    usage: list[UsageEvent] = field(default_factory=list)
    late: list[LateUsage] = field(default_factory=list)
    asked: list[CheckoutRequest] = field(default_factory=list)
    bills: list[Invoice] = field(default_factory=list)
    made: set[int] = field(default_factory=set)
    plans: Plans = field(default_factory=load_plans)
    reads: int = 0
    is_down: bool = False
    declines: bool = False
    on_read: Callable[[], None] = lambda: None
    on_end: Callable[[str], None] = lambda _: None

    def publish(self, catalogue: Catalogue, return_url: str) -> Sequence[str]:
        raise NotImplementedError(f"{catalogue} {return_url}")

    def create_customer(self, organization_id: str, name: str, email: str) -> str:
        self._up()
        customer_id = f"cus_{organization_id[-8:]}"
        self.accounts.setdefault(customer_id, CustomerFacts(customer_id, organization_id, email=email))
        return customer_id

    def customers(self, after: str | None, limit: int) -> Sequence[tuple[str, str | None]]:
        self._up()
        found = [(one.customer_id, one.organization_id) for one in self.accounts.values()]
        return sorted(one for one in found if after is None or one[0] > after)[:limit]

    def facts(self, customer_id: str) -> CustomerFacts | None:
        self._up()
        self.reads += 1
        found = self.accounts.get(customer_id)
        self.on_read()
        return found

    def checkout(self, request: CheckoutRequest) -> str:
        self._up()
        self.asked.append(request)
        return f"https://checkout.example/{plan_of_key(request.prices[0])}"

    def portal(self, customer_id: str, return_url: str) -> str:
        self._up()
        return f"https://billing.example/{customer_id}?{return_url}"

    def change_now(self, subscription: Subscription, price: str, since_ms: int, *, charge_now: bool) -> None:
        self._up()
        if charge_now and self.declines:
            raise PaymentDeclined("Your card was declined.")
        changes = {"keeps_plan": None, "keeps_until_ms": None, "plan_since_ms": since_ms}
        self._put(subscription, **_flat(subscription, price), **changes)

    def change_at_period_end(self, subscription: Subscription, price: str) -> None:
        self._up()
        held, plan = subscription.keeps_plan or subscription.plan, plan_of_key(price)
        keeps = (held, subscription.period_ends_ms) if plan != held else (None, None)
        self._put(subscription, **_flat(subscription, price), keeps_plan=keeps[0], keeps_until_ms=keeps[1])

    def move_flat(self, subscription: Subscription, price: str, since_ms: int | None) -> None:
        self._up()
        self._put(subscription, **_flat(subscription, price))

    def move_meters(self, subscription: Subscription, prices: Mapping[str, str], from_ms: int) -> None:
        self._up()
        items = {prices.get(key, key): item for key, item in subscription.items.items()}
        self._put(subscription, items=items, metered_from_ms=from_ms)

    def set_cancelling(self, subscription: Subscription, cancelling: bool) -> None:
        self._up()
        self._put(subscription, cancels_at_ms=subscription.period_ends_ms if cancelling else None)

    def end(self, subscription_id: str) -> None:
        self._up()
        self.on_end(subscription_id)
        for customer_id, facts in self.accounts.items():
            left = tuple(one for one in facts.superfluous if one != subscription_id)
            self.accounts[customer_id] = replace(facts, superfluous=left)

    def invoices(self, customer_id: str, limit: int, after: str | None = None) -> Sequence[Invoice]:
        self._up()
        return self.bills[:limit]

    def preview(self, subscription: Subscription, price: str | None) -> Invoice:
        self._up()
        now, ends = self.clock.unix_ms(), subscription.period_ends_ms
        return Invoice("", None, "draft", "upcoming", now, now, ends, 0, 0, 0, None, None, ())

    def credit(self, customer_id: str, credit_id: str, cents: int, why: str) -> bool:
        self._up()
        if credit_id in self.credits:
            return False
        self.credits[credit_id] = (customer_id, cents)
        self._set(customer_id, balance_cents=self.accounts[customer_id].balance_cents + cents)
        return True

    def report(self, event: UsageEvent) -> None:
        self._up()
        if event.identifier not in {one.identifier for one in self.usage}:
            self.usage.append(event)

    def reported(self, customer_id: str, meter: str, from_ms: int, until_ms: int) -> int:
        self._up()
        return sum(
            one.quantity
            for one in self.usage
            if one.customer_id == customer_id and one.meter == meter and from_ms <= one.at_ms < until_ms
        )

    def takes_usage(self, customer_id: str, month_ends_ms: int) -> bool:
        self._up()
        return month_ends_ms not in self.made

    def bill_late(self, usage: LateUsage) -> None:
        self._up()
        if usage.identifier not in {one.identifier for one in self.late}:
            self.late.append(usage)

    # What a test has happen at Stripe.

    def subscribe(self, customer_id: str, plan: str, *, trial_ends_ms: int | None = None) -> None:
        now, anchor = self.clock.unix_ms(), month_anchor_ms(self.clock.unix_ms())
        month = month_of(now)
        keys = [month_key(self.plans, plan, month), *meter_keys(self.plans, plan, month).values()]
        subscription = Subscription(
            f"sub_{plan}",
            plan,
            "trialing" if trial_ends_ms else "active",
            now,
            now,
            trial_ends_ms or anchor,
            {key: f"si_{key}" for key in keys},
            trial_ends_ms,
        )
        card = Card("pm_1", "visa", "4242", 2030, 1)
        self._set(customer_id, subscription=subscription, subscribed_before=True, card=card)

    def fail(self, customer_id: str, cents: int = 9_900) -> None:
        debt = Debt("in_1", self.clock.unix_ms(), cents, "https://invoice.example/in_1")
        self._set(customer_id, debts=(debt,))

    def pay(self, customer_id: str) -> None:
        self._set(customer_id, debts=())

    def cancelled(self, customer_id: str) -> None:
        self._set(customer_id, subscription=None, ended_at_ms=self.clock.unix_ms())

    def renew(self, customer_id: str) -> None:
        """The period is another, and a trial is over."""
        subscription = self.accounts[customer_id].subscription
        assert subscription is not None
        starts = subscription.period_ends_ms
        self._put(
            subscription,
            status="active",
            period_starts_ms=starts,
            period_ends_ms=month_anchor_ms(starts),
        )

    def set_card(self, customer_id: str, card: Card) -> None:
        self._set(customer_id, card=card)

    def _put(self, subscription: Subscription, **changes: object) -> None:
        for customer_id, facts in self.accounts.items():
            if facts.subscription is not None and facts.subscription.id == subscription.id:
                changed = replace(facts.subscription, **changes)  # type: ignore[arg-type]
                self.accounts[customer_id] = replace(facts, subscription=changed)

    def _set(self, customer_id: str, **changes: object) -> None:
        self.accounts[customer_id] = replace(self.accounts[customer_id], **changes)  # type: ignore[arg-type]

    def _up(self) -> None:
        if self.is_down:
            raise Unavailable("Stripe cannot be reached now.")


def event(event_id: str, kind: str, customer_id: str) -> bytes:
    about = {"object": kind.split(".")[-2], "id": "x_1", "customer": customer_id}
    if kind.startswith("customer.") and kind.count(".") == 1:
        about = {"object": "customer", "id": customer_id}
    return json.dumps({"id": event_id, "object": "event", "type": kind, "data": {"object": about}}).encode()


def _flat(subscription: Subscription, price: str) -> dict[str, object]:
    """What another flat price changes."""
    items = {price if key == subscription.flat_key else key: item for key, item in subscription.items.items()}
    return {"plan": plan_of_key(price), "items": items}


def signed(payload: bytes, at_s: int, secret: str = SECRET) -> str:
    mac = hmac.new(secret.encode(), f"{at_s}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={mac}"
