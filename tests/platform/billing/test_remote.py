"""Payments by another function: the same as without one, errors included."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest

from quartzdb.domain.errors import InvalidArgument, Unavailable
from quartzdb_platform.adapters.remote_payments import METHODS, answered, invoker, remote_payments
from quartzdb_platform.domain.billing import Card, CustomerFacts, Debt
from quartzdb_platform.domain.errors import PaymentDeclined
from quartzdb_platform.payments import Invoice, InvoiceLine, LateUsage, Payments, UsageEvent
from tests.manual_clock import ManualClock
from tests.platform.billing.till import Till


@pytest.fixture
def till() -> Till:
    return Till(ManualClock())


@pytest.fixture
def remote(till: Till) -> Payments:
    """The till, with JSON between."""
    return remote_payments(lambda sent: json.dumps(answered(till, json.loads(sent))).encode())


def test_what_is_asked_and_answered_is_the_same(till: Till, remote: Payments) -> None:
    """Values of every type, nothing of them lost."""
    customer = remote.create_customer("org_12345678", "Mine", "a@example.com")
    assert remote.facts("cus_nobody") is None
    till.subscribe(customer, "pro")
    till.set_card(customer, Card("pm_1", "visa", "4242", 2030, 1))
    till.fail(customer)
    till.accounts[customer] = replace(till.accounts[customer], ended_at_ms=1_000)
    facts = remote.facts(customer)
    assert facts == till.accounts[customer]
    assert facts is not None
    assert isinstance(facts.debts[0], Debt)
    assert all(getattr(facts, field.name) is not None for field in fields(CustomerFacts))
    line = InvoiceLine("a", 3, Decimal("0.0012"), 1)
    till.bills.append(Invoice("in_1", None, "paid", "x", 1, 2, 3, 4, 5, 6, "u", None, (line,)))
    assert list(remote.invoices(customer, 10)) == till.bills
    assert list(remote.customers(None, 5)) == [(customer, "org_12345678")]
    remote.report(UsageEvent("i", customer, "read_units", 5, 60_000))
    assert remote.reported(customer, "read_units", 0, 120_000) == 5
    late = LateUsage("l", customer, "2026-11", "read unit", 7, Decimal("0.0012"))
    remote.bill_late(late)
    assert till.late == [late]
    assert facts.subscription is not None
    till.declines = True
    with pytest.raises(PaymentDeclined, match="Your card was declined"):
        remote.change_now(facts.subscription, "quartzdb_business_month", 0, charge_now=True)
    till.is_down = True
    with pytest.raises(Unavailable, match="Stripe cannot be reached"):
        remote.facts(customer)
    assert set(METHODS) >= {"checkout", "portal", "publish", "takes_usage"}


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"do": "facts"},
        {"do": "__init__", "with": {}},
        {"do": "facts", "with": {"customer": "x"}},
        {"do": "facts", "with": {"customer_id": 1}},
        {"do": "report", "with": {"event": {"identifier": "i"}}},
    ],
)
def test_what_is_no_request_is_refused(till: Till, request_: dict[str, Any]) -> None:
    """It reaches nothing."""
    with pytest.raises(InvalidArgument):
        answered(till, request_)


def test_a_function_that_fails_is_no_answer() -> None:
    """Whoever asked tries again."""

    class Failing:
        def invoke(self, **_: object) -> dict[str, Any]:
            import io

            return {"Payload": io.BytesIO(b"{}"), "FunctionError": "Unhandled"}

    with pytest.raises(Unavailable, match="failed"):
        invoker(Failing, "billing:live")(b"{}")
