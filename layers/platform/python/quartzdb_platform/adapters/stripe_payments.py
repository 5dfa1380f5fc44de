"""Payments by Stripe's official SDK. Requests that make something carry keys, so that a repetition makes nothing more.

What Stripe forgets of keys after a day or more is looked for before it is made: customers, credits and late usage by
what they are marked with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quartzdb.domain.errors import Conflict, NotFound
from quartzdb_platform.adapters import stripe_catalogue, stripe_reading
from quartzdb_platform.adapters.stripe_calls import CURRENCY, PAGE, told
from quartzdb_platform.domain.billing import CustomerFacts, Subscription
from quartzdb_platform.domain.catalogue import Catalogue, event_name, plan_of_key
from quartzdb_platform.payments import CheckoutRequest, Invoice, LateUsage, UsageEvent

if TYPE_CHECKING:
    from stripe import StripeClient

ORGANIZATION = "quartzdb_organization"
_CREDIT = "quartzdb_credit"
_IDENTIFIER = "quartzdb_identifier"


class StripePayments:
    """Thread-safe."""

    def __init__(self, client: StripeClient) -> None:
        self._client = client
        self._meters: dict[str, str] = {}

    def publish(self, catalogue: Catalogue, return_url: str) -> Sequence[str]:
        """As Payments has it."""
        with told():
            return stripe_catalogue.publish(self._client, catalogue, return_url)

    def create_customer(self, organization_id: str, name: str, email: str) -> str:
        """As Payments has it."""
        with told():
            made = self._client.v1.customers.create(
                {"name": name, "email": email, "metadata": {ORGANIZATION: organization_id}},
                {"idempotency_key": f"customer-{organization_id}"},
            )
            return made.id

    def customers(self, after: str | None, limit: int) -> Sequence[tuple[str, str | None]]:
        """As Payments has it."""
        wanted: Any = {"limit": limit} if after is None else {"limit": limit, "starting_after": after}
        with told():
            listed = self._client.v1.customers.list(wanted)
            return [(one.id, stripe_catalogue.metadata(one).get(ORGANIZATION)) for one in listed.data]

    def facts(self, customer_id: str) -> CustomerFacts | None:
        """As Payments has it."""
        try:
            with told():
                customer = self._client.v1.customers.retrieve(customer_id, {"expand": ["tax_ids"]})
        except NotFound:
            return None
        if getattr(customer, "deleted", False):
            return None
        with told():
            every = list(
                self._client.v1.subscriptions.list(
                    {"customer": customer_id, "status": "all", "limit": PAGE}
                ).auto_paging_iter()
            )
            unpaid = self._client.v1.invoices.list({"customer": customer_id, "status": "open", "limit": PAGE})
            debts = stripe_reading.debts_of(unpaid.auto_paging_iter())
            live = stripe_reading.live(every)
            present = live[0] if live else None
            method: Any = next(
                (one.default_payment_method for one in every if present and one.id == present.id), None
            )
            if method is None and customer.invoice_settings is not None:
                method = customer.invoice_settings.default_payment_method
            card = None
            if method is not None:
                found = self._client.v1.payment_methods.retrieve(str(getattr(method, "id", method)))
                card = stripe_reading.card_of(found)
        return CustomerFacts(
            customer_id,
            stripe_catalogue.metadata(customer).get(ORGANIZATION),
            present,
            any(stripe_reading.subscription_of(one) and one.status != "incomplete_expired" for one in every),
            tuple(one.id for one in live[1:]),
            debts,
            card,
            -(customer.balance or 0),
            customer.email,
            tuple(one.value for one in (customer.tax_ids.data if customer.tax_ids else ())),
            stripe_reading.ended_at_ms(every),
        )

    def checkout(self, request: CheckoutRequest) -> str:
        """As Payments has it."""
        marked = {ORGANIZATION: request.organization_id}
        subscription: Any = {"metadata": marked}
        if request.trial_ends_ms is None:
            subscription |= {
                "billing_cycle_anchor": request.anchor_ms // 1_000,
                "proration_behavior": "create_prorations",
            }
        else:
            # Its end is the anchor: Stripe takes no other beside a trial.
            subscription |= {
                "trial_end": request.trial_ends_ms // 1_000,
                "trial_settings": {"end_behavior": {"missing_payment_method": "cancel"}},
            }
        with told():
            prices = self._prices(request.prices)
            flat, *metered = (prices[key] for key in request.prices)
            items: list[Any] = [{"price": flat, "quantity": 1}, *({"price": one} for one in metered)]
            session = self._client.v1.checkout.sessions.create(
                {
                    "mode": "subscription",
                    "customer": request.customer_id,
                    "client_reference_id": request.organization_id,
                    "line_items": items,
                    "success_url": request.success_url,
                    "cancel_url": request.cancel_url,
                    "allow_promotion_codes": True,
                    "tax_id_collection": {"enabled": True},
                    "customer_update": {"name": "auto", "address": "auto"},
                    "metadata": marked,
                    "subscription_data": subscription,
                }
            )
        return str(session.url)

    def portal(self, customer_id: str, return_url: str) -> str:
        """As Payments has it."""
        with told():
            configuration = stripe_catalogue.portal_configuration(self._client)
            wanted: Any = {"customer": customer_id, "return_url": return_url}
            if configuration is not None:
                wanted["configuration"] = configuration.id
            return self._client.v1.billing_portal.sessions.create(wanted).url

    def change_now(self, subscription: Subscription, price: str, since_ms: int, *, charge_now: bool) -> None:
        """As Payments has it. The second is noted: what is told here goes by it, too."""
        since = since_ms // 1_000
        wanted: Any = {
            "items": [self._flat_item(subscription, price)],
            "proration_behavior": "always_invoice" if charge_now else "create_prorations",
            "proration_date": since,
            "metadata": {
                stripe_reading.KEEPS_PLAN: "",
                stripe_reading.KEEPS_UNTIL: "",
                stripe_reading.PLAN_SINCE: str(since),
            },
        }
        if charge_now:
            # Where the card is declined nothing is changed at all.
            wanted["payment_behavior"] = "error_if_incomplete"
        with told():
            self._client.v1.subscriptions.update(subscription.id, wanted)

    def change_at_period_end(self, subscription: Subscription, price: str) -> None:
        """As Payments has it. The flat price is another at once, and nothing is prorated: what holds until the end of
        what was paid for is noted in the subscription. A price with a meter is never exchanged within a month: Stripe
        would forget what was used before.
        """
        held = subscription.keeps_plan or subscription.plan
        noted = {stripe_reading.KEEPS_PLAN: "", stripe_reading.KEEPS_UNTIL: ""}
        if plan_of_key(price) != held:
            noted = {
                stripe_reading.KEEPS_PLAN: held,
                stripe_reading.KEEPS_UNTIL: str(subscription.period_ends_ms // 1_000),
            }
        with told():
            self._client.v1.subscriptions.update(
                subscription.id,
                {
                    "items": [self._flat_item(subscription, price)],
                    "proration_behavior": "none",
                    "metadata": noted,
                },
            )

    def move_flat(self, subscription: Subscription, price: str, since_ms: int | None) -> None:
        """As Payments has it."""
        wanted: Any = {"items": [self._flat_item(subscription, price)], "proration_behavior": "none"}
        if since_ms is not None:
            wanted |= {"proration_behavior": "create_prorations", "proration_date": since_ms // 1_000}
        with told():
            self._client.v1.subscriptions.update(subscription.id, wanted)

    def move_meters(self, subscription: Subscription, prices: Mapping[str, str], from_ms: int) -> None:
        """As Payments has it."""
        with told():
            found = self._prices(list(prices.values()))
            wanted: Any = {
                "items": [
                    {"id": subscription.items[old], "price": found[new]} for old, new in prices.items()
                ],
                "proration_behavior": "none",
                "metadata": {stripe_reading.METERED_FROM: str(from_ms // 1_000)},
            }
            self._client.v1.subscriptions.update(subscription.id, wanted)

    def set_cancelling(self, subscription: Subscription, cancelling: bool) -> None:
        """As Payments has it."""
        with told():
            self._client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": cancelling})

    def end(self, subscription_id: str) -> None:
        """As Payments has it."""
        with told():
            self._client.v1.subscriptions.cancel(subscription_id, {"prorate": True, "invoice_now": False})

    def invoices(self, customer_id: str, limit: int, after: str | None = None) -> Sequence[Invoice]:
        """As Payments has it."""
        wanted: Any = {"customer": customer_id, "limit": limit}
        if after is not None:
            wanted["starting_after"] = after
        with told():
            return [stripe_reading.invoice_of(one) for one in self._client.v1.invoices.list(wanted).data]

    def preview(self, subscription: Subscription, price: str | None) -> Invoice:
        """As Payments has it."""
        wanted: Any = {"subscription": subscription.id}
        with told():
            if price is not None:
                wanted["subscription_details"] = {
                    "items": [self._flat_item(subscription, price)],
                    "proration_behavior": "always_invoice",
                }
            return stripe_reading.invoice_of(self._client.v1.invoices.create_preview(wanted))

    def credit(self, customer_id: str, credit_id: str, cents: int, why: str) -> bool:
        """As Payments has it."""
        transactions = self._client.v1.customers.balance_transactions
        with told():
            listed = transactions.list(customer_id, {"limit": PAGE})
            if any(
                stripe_catalogue.metadata(one).get(_CREDIT) == credit_id for one in listed.auto_paging_iter()
            ):
                return False
            transactions.create(
                customer_id,
                {
                    "amount": -cents,
                    "currency": CURRENCY,
                    "description": why,
                    "metadata": {_CREDIT: credit_id},
                },
                {"idempotency_key": f"credit-{credit_id}"},
            )
        return True

    def report(self, event: UsageEvent) -> None:
        """As Payments has it."""
        import stripe

        with told():
            try:
                self._client.v1.billing.meter_events.create(
                    {
                        "event_name": event_name(event.meter),
                        "identifier": event.identifier,
                        "timestamp": event.at_ms // 1_000,
                        "payload": {"stripe_customer_id": event.customer_id, "value": str(event.quantity)},
                    }
                )
            except stripe.InvalidRequestError as error:
                # That it has it is all that was wanted.
                known = error.code == "duplicate_meter_event" or "already exists with identifier" in str(
                    error
                )
                if not known:
                    raise

    def reported(self, customer_id: str, meter: str, from_ms: int, until_ms: int) -> int:
        """As Payments has it."""
        with told():
            if event_name(meter) not in self._meters:
                self._meters = dict(stripe_catalogue.meter_ids(self._client))
            summaries = self._client.v1.billing.meters.event_summaries.list(
                self._meters[event_name(meter)],
                {
                    "customer": customer_id,
                    "start_time": from_ms // 1_000,
                    "end_time": until_ms // 1_000,
                    "limit": PAGE,
                },
            )
            return round(sum(float(one.aggregated_value) for one in summaries.auto_paging_iter()))

    def takes_usage(self, customer_id: str, month_ends_ms: int) -> bool:
        """As Payments has it."""
        with told():
            listed = self._client.v1.invoices.list({"customer": customer_id, "limit": PAGE})
            ends_s = month_ends_ms // 1_000
            made = [
                one
                for one in listed.data
                if one.period_end == ends_s and one.billing_reason == "subscription_cycle"
            ]
        return all(one.status == "draft" for one in made)

    def bill_late(self, usage: LateUsage) -> None:
        """As Payments has it."""
        with told():
            listed = self._client.v1.invoice_items.list({"customer": usage.customer_id, "limit": PAGE})
            if any(
                stripe_catalogue.metadata(one).get(_IDENTIFIER) == usage.identifier
                for one in listed.auto_paging_iter()
            ):
                return
            self._client.v1.invoice_items.create(
                {
                    "customer": usage.customer_id,
                    "currency": CURRENCY,
                    "quantity": usage.quantity,
                    "unit_amount_decimal": usage.unit_cents,
                    "description": f"Of {usage.month}, counted after its invoice: each {usage.unit} beyond",
                    "metadata": {_IDENTIFIER: usage.identifier},
                },
                {"idempotency_key": f"late-{usage.identifier}"},
            )

    def _flat_item(self, subscription: Subscription, price: str) -> Any:
        return {"id": subscription.items[subscription.flat_key], "price": self._prices([price])[price]}

    def _prices(self, keys: Sequence[str]) -> dict[str, str]:
        found = stripe_catalogue.prices_by_key(self._client, keys)
        for key in keys:
            if key not in found:
                raise Conflict(
                    f"Stripe has no price {key}.",
                    hint="Whoever operates this runs: quartzdb platform billing sync",
                )
        return {key: price.id for key, price in found.items()}
