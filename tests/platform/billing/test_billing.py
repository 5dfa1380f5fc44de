"""Subscriptions, dunning and webhooks, over a till that says what Stripe would."""

from __future__ import annotations

import json
from typing import Any

import pytest

from quartzdb_platform.accounts import store
from quartzdb_platform.billing.account import (
    account_document,
    account_of,
    organization_of_customer,
    organizations_with_accounts,
    places_of_account,
)
from quartzdb_platform.domain.billing import (
    GRACE_AFTER_MS,
    READ_ONLY_AFTER_MS,
    SUSPENDED_AFTER_MS,
    Card,
    trial_end_ms,
)
from quartzdb_platform.domain.calendar import DAY_MS, day_of, start_ms
from quartzdb_platform.domain.permissions import Role
from quartzdb_platform.ports import Delete
from tests.platform.billing.till import Till, event, signed
from tests.platform.conftest import Person, Site

WEBHOOK = "/platform/webhooks/stripe"


class Shop:
    """An organization with a project, and what it asks of billing."""

    def __init__(self, site: Site, till: Till) -> None:
        self.site, self.till = site, till
        self.owner = site.person("owner@example.com")
        self.organization = site.organization(self.owner)
        self.path = f"/organizations/{self.organization}/billing"
        self.project = self.owner.must("POST", f"/organizations/{self.organization}/projects", {"name": "p"})[
            "id"
        ]
        self.events = 0

    @property
    def customer(self) -> str:
        found = store.organization_of(self.site.table, self.organization)[0].stripe_customer
        assert found is not None
        return found

    def fresh(self) -> Person:
        """The owner, signed in just now."""
        del self.site.people["owner@example.com"]
        self.owner = self.site.person("owner@example.com")
        return self.owner

    def subscribe(self, plan: str = "pro", **more: Any) -> None:
        self.fresh().must(
            "POST", f"{self.path}/checkout", {"plan": plan, **({"trial": True} if more else {})}
        )
        self.till.subscribe(self.customer, plan, **more)
        assert self.tell("checkout.session.completed").status_code == 200

    def tell(self, kind: str, event_id: str | None = None, *, after_s: float = 3) -> Any:
        self.events += 1
        self.site.clock.seconds += after_s
        payload = event(event_id or f"evt_{self.events}", kind, self.customer)
        return self.send(payload, signed(payload, self.site.clock.unix_ms() // 1_000))

    def send(self, payload: bytes, signature: str) -> Any:
        return self.site.http.post(WEBHOOK, content=payload, headers={"Stripe-Signature": signature})

    def state(self) -> Any:
        return self.owner.must("GET", self.path)

    def grant(self) -> Any:
        return self.site.database.tenants.grant(self.project)

    def later(self, milliseconds: int) -> None:
        """Time goes on, and upkeep runs."""
        self.site.clock.seconds += milliseconds / 1_000
        self.site.platform.upkeep.run_due()
        self.fresh()

    def subjects(self, email: str = "owner@example.com") -> list[str]:
        """First lines of mails about bills, the newest last."""
        return [text.splitlines()[0] for text in self.site.mailbox.texts(email) if "The bill is here" in text]


@pytest.fixture
def till(payments: Till) -> Till:
    return payments


@pytest.fixture
def shop(site: Site, till: Till) -> Shop:
    return Shop(site, till)


def test_who_subscribes_has_the_plan_as_soon_as_stripe_says_so(shop: Shop) -> None:
    """And not before: coming back from a page proves nothing. Months are those of the calendar."""
    assert (shop.state()["plan"], shop.state()["state"]) == ("free", "none")
    url = shop.owner.must("POST", f"{shop.path}/checkout", {"plan": "pro"})["url"]
    assert url == "https://checkout.example/pro"
    (asked,) = shop.till.asked
    assert (asked.anchor_ms, asked.trial_ends_ms) == (start_ms("2023-12"), None)
    assert asked.success_url.endswith(f"/organizations/{shop.organization}/billing?done=1")
    assert (shop.state()["plan"], shop.grant().plan) == ("free", "free")
    shop.till.subscribe(shop.customer, "pro")
    assert shop.tell("checkout.session.completed").json() == {"new": True}
    found = shop.state()
    assert (found["plan"], found["state"], found["card"]["last4"]) == ("pro", "active", "4242")
    assert (shop.grant().plan, found["period_ends_at"]) == ("pro", "2023-12-01T00:00:00.000Z")
    again = shop.owner.ask("POST", f"{shop.path}/checkout", {"plan": "business"})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    actions = [one["action"] for one in shop.owner.must("GET", f"/organizations/{shop.organization}/audit")]
    assert {"billing.checkout.pro", "billing.active", "plan.pro"} <= set(actions)


def test_money_is_moved_by_a_person_who_signed_in_just_now(shop: Shop) -> None:
    """A token does not, nor a session of this morning."""
    token = shop.owner.must(
        "POST", f"/organizations/{shop.organization}/tokens", {"name": "t", "role": "billing"}
    )["token"]
    asks = [
        ("POST", f"{shop.path}/checkout", {"plan": "pro"}),
        ("POST", f"{shop.path}/portal", None),
        ("PUT", f"{shop.path}/plan", {"plan": "free"}),
        ("POST", f"{shop.path}/cancel", None),
        ("POST", f"{shop.path}/resume", None),
    ]
    for method, path, body in asks:
        assert Person(shop.site.http, "", token).ask(method, path, body).status_code == 403, path
    assert Person(shop.site.http, "", token).must("GET", shop.path)["plan"] == "free"
    shop.site.clock.seconds += 16 * 60
    for method, path, body in asks:
        assert shop.owner.ask(method, path, body).json()["code"] == "step_up_required", path


def test_wrong_wishes_are_refused_with_a_reason(shop: Shop) -> None:
    """No such plan, one that costs nothing, a change without a subscription."""
    for body in ({"plan": "gold"}, {"plan": "free"}, {"plan": ""}, {"plan": "pro", "x": 1}):
        assert shop.owner.ask("POST", f"{shop.path}/checkout", body).status_code == 400, body
    assert shop.owner.ask("PUT", f"{shop.path}/plan", {"plan": "pro"}).status_code == 409
    shop.till.is_down = True
    down = shop.owner.ask("POST", f"{shop.path}/checkout", {"plan": "pro"})
    assert (down.status_code, down.json()["code"]) == (503, "unavailable")
    assert shop.state()["plan"] == "free"


def test_a_trial_ends_with_a_month_and_comes_once(shop: Shop) -> None:
    """Three days before its end it is said; what is beyond is not sold in it."""
    ends = trial_end_ms(shop.site.clock.unix_ms())
    assert ends == start_ms("2023-12")
    shop.subscribe("pro", trial_ends_ms=ends)
    assert (shop.state()["state"], shop.state()["trial_ends_at"]) == ("trialing", "2023-12-01T00:00:00.000Z")
    shop.later(ends - 3 * DAY_MS - shop.site.clock.unix_ms() + 60_000)
    assert shop.subjects()[-1].startswith("On 2023-12-01 the trial of Analytical ends")
    shop.till.renew(shop.customer)
    shop.later(3 * DAY_MS)
    assert shop.state()["state"] == "active"
    shop.till.cancelled(shop.customer)
    shop.tell("customer.subscription.deleted")
    refused = shop.fresh().ask("POST", f"{shop.path}/checkout", {"plan": "pro", "trial": True})
    assert (refused.status_code, shop.state()["may_try"]) == (409, False)
    assert trial_end_ms(start_ms("2023-11") + 20 * DAY_MS) == start_ms("2024-01")


def test_a_dearer_plan_is_paid_at_once_or_not_had(shop: Shop) -> None:
    """A declined card changes nothing."""
    shop.subscribe()
    shop.till.declines = True
    refused = shop.owner.ask("PUT", f"{shop.path}/plan", {"plan": "business"})
    assert (refused.status_code, refused.json()["code"]) == (402, "payment_declined")
    assert shop.state()["plan"] == "pro"
    shop.till.declines = False
    assert shop.owner.must("PUT", f"{shop.path}/plan", {"plan": "business"})["plan"] == "business"
    assert shop.grant().plan == "business"


def test_a_smaller_plan_follows_when_the_month_ends(shop: Shop) -> None:
    """Until then the dearer one is had, for it was paid; it can be taken back."""
    shop.subscribe("business")
    answer = shop.owner.must("PUT", f"{shop.path}/plan", {"plan": "pro"})
    assert (answer["plan"], answer["next_plan"]) == ("business", "pro")
    assert shop.owner.must("PUT", f"{shop.path}/plan", {"plan": "business"})["next_plan"] is None
    shop.owner.must("PUT", f"{shop.path}/plan", {"plan": "pro"})
    shop.later(start_ms("2023-12") - shop.site.clock.unix_ms() + 1)
    assert (shop.state()["plan"], shop.grant().plan) == ("pro", "pro")
    now = shop.owner.must("PUT", f"{shop.path}/plan", {"plan": "business"})
    assert now["plan"] == "business"
    assert shop.owner.must("PUT", f"{shop.path}/plan", {"plan": "pro", "when": "now"})["plan"] == "pro"


def test_a_cancelled_subscription_ends_with_its_month(shop: Shop) -> None:
    """It can be taken back; at its end the plan is free, and both are mailed once."""
    shop.subscribe()
    answer = shop.owner.must("POST", f"{shop.path}/cancel")
    assert (answer["state"], answer["cancels_at"], answer["plan"]) == (
        "cancelling",
        "2023-12-01T00:00:00.000Z",
        "pro",
    )
    assert shop.owner.must("POST", f"{shop.path}/cancel") == {**answer, "read_at": shop.state()["read_at"]}
    assert shop.owner.must("POST", f"{shop.path}/resume")["state"] == "active"
    shop.owner.must("PUT", f"{shop.path}/plan", {"plan": "free"})
    shop.till.cancelled(shop.customer)
    shop.later(start_ms("2023-12") - shop.site.clock.unix_ms() + 1)
    found = shop.state()
    assert (found["plan"], found["state"], shop.grant().plan) == ("free", "none", "free")
    said = shop.subjects()
    assert [one[:20] for one in said] == [
        "Until 2023-12-01 the",
        "Until 2023-12-01 the",
        "Analytical is on the",
    ]


def test_who_does_not_pay_is_warned_then_read_only_then_suspended(shop: Shop) -> None:
    """Each step is mailed once to owners and whoever has to do with money, and lifted by paying."""
    shop.site.join(shop.owner, shop.organization, "money@example.com", Role.BILLING)
    shop.site.join(shop.owner, shop.organization, "dev@example.com", Role.DEVELOPER)
    shop.subscribe()
    shop.till.fail(shop.customer)
    failed_at = shop.site.clock.unix_ms()
    for _ in range(3):
        shop.tell("invoice.payment_failed")
    found = shop.state()
    assert (found["state"], found["debt"]["dollars"]) == ("past_due", "99")
    assert found["debt"]["read_only_at"].startswith(day_of(failed_at + READ_ONLY_AFTER_MS))
    expected = [("grace", GRACE_AFTER_MS, "active"), ("read_only", READ_ONLY_AFTER_MS, "read_only"),
                ("suspended", SUSPENDED_AFTER_MS, "suspended")]  # fmt: skip
    for state, after_ms, status in expected:
        shop.later(failed_at + after_ms - shop.site.clock.unix_ms() - 120_000)
        assert shop.state()["state"] != state
        shop.later(700_000)
        shop.later(700_000)
        assert (shop.state()["state"], shop.grant().status) == (state, status)
    for email in ("owner@example.com", "money@example.com"):
        assert len(shop.subjects(email)) == 4
    assert shop.subjects("dev@example.com") == []
    blocked = shop.owner.ask("PUT", f"{shop.path}/plan", {"plan": "business"})
    assert blocked.status_code == 409
    shop.till.pay(shop.customer)
    shop.tell("invoice.paid")
    assert (shop.state()["state"], shop.grant().status) == ("active", "active")
    assert (
        shop.subjects()[-1]
        == "Nothing of Analytical is owed any more. Everything works as before, within minutes."
    )


def test_nobody_is_suspended_while_stripe_cannot_be_asked(shop: Shop) -> None:
    """They may have paid."""
    shop.subscribe()
    shop.till.fail(shop.customer)
    shop.tell("invoice.payment_failed")
    shop.till.is_down = True
    shop.later(SUSPENDED_AFTER_MS + DAY_MS)
    assert (shop.state()["state"], shop.grant().status) == ("past_due", "active")
    shop.till.is_down = False
    shop.later(DAY_MS)
    assert shop.state()["state"] == "suspended"


def test_an_operators_suspension_is_not_lifted_by_paying(shop: Shop) -> None:
    """The strictest word holds."""
    from quartzdb.domain.grant import TenantStatus

    shop.subscribe()
    shop.till.fail(shop.customer)
    shop.tell("invoice.payment_failed")
    shop.site.platform.standings.say(shop.organization, TenantStatus.READ_ONLY)
    shop.till.pay(shop.customer)
    shop.tell("invoice.paid")
    assert (shop.state()["state"], shop.grant().status) == ("active", "read_only")


def test_a_card_that_expires_is_said_once(shop: Shop) -> None:
    """Thirty days before; another card is another matter."""
    shop.subscribe()
    shop.till.set_card(shop.customer, Card("pm_1", "visa", "4242", 2023, 12))
    shop.tell("payment_method.attached")
    assert shop.subjects() == []
    shop.later(start_ms("2023-12") + 2 * DAY_MS - shop.site.clock.unix_ms())
    shop.later(DAY_MS)
    assert [one[:27] for one in shop.subjects()] == ["The card that ends in 4242,"]


def test_order_repetition_and_replays_make_no_difference(shop: Shop) -> None:
    """What an event says is not believed: an old one makes nothing old again."""
    shop.subscribe()
    shop.tell("customer.subscription.updated", "evt_x")
    before = shop.state()
    reads = shop.till.reads
    for _ in range(5):
        assert shop.tell("customer.subscription.updated", "evt_x").json() == {"new": False}
    assert shop.till.reads == reads
    shop.site.clock.seconds += 20 * 86_400
    shop.fresh()
    assert shop.tell("customer.subscription.deleted", "evt_late").json() == {"new": True}
    assert {**shop.state(), "read_at": ""} == {**before, "read_at": ""}


def test_a_storm_is_few_readings(shop: Shop) -> None:
    """A thousand events of a moment are stored, read once by a request and once by upkeep."""
    shop.subscribe()
    shop.site.clock.seconds += 60
    reads = shop.till.reads
    for number in range(100):
        assert shop.tell("invoice.updated", f"evt_storm_{number}", after_s=0).status_code == 200
    assert shop.till.reads == reads + 1
    shop.later(61_000)
    assert shop.till.reads <= reads + 3


def test_whoever_comes_back_from_stripe_sees_it_at_once(shop: Shop) -> None:
    """Also where the events came too fast to be read one by one."""
    shop.owner.must("POST", f"{shop.path}/checkout", {"plan": "pro"})
    shop.tell("customer.updated")
    shop.till.subscribe(shop.customer, "pro")
    shop.tell("customer.subscription.created", after_s=0)
    assert shop.state()["plan"] == "pro"
    reads = shop.till.reads
    assert (shop.state()["plan"], shop.till.reads) == ("pro", reads)


def test_what_fails_is_done_later(shop: Shop) -> None:
    """Stripe is answered as soon as the event is stored."""
    shop.subscribe()
    shop.till.cancelled(shop.customer)
    shop.till.is_down = True
    shop.site.clock.seconds += 60
    assert shop.tell("customer.subscription.deleted").status_code == 200
    shop.later(61_000)
    assert shop.state()["plan"] == "pro"
    shop.till.is_down = False
    shop.later(61_000)
    assert shop.state()["plan"] == "free"


def test_a_reading_that_was_overtaken_is_thrown_away(shop: Shop) -> None:
    """Whoever reads first and stores last does not win."""
    shop.subscribe()
    shop.site.clock.seconds += 60

    def meanwhile() -> None:
        shop.till.on_read = lambda: None
        shop.till.cancelled(shop.customer)
        shop.tell("customer.subscription.deleted", "evt_faster")

    shop.till.on_read = meanwhile
    billing = shop.site.platform.billing
    assert billing is not None
    billing.reconciliation.read_customer(shop.customer)
    shop.later(61_000)
    assert shop.state()["plan"] == "free"


def test_only_what_stripe_signed_just_now_is_taken(shop: Shop) -> None:
    """Nothing of it is stored else."""
    now = shop.site.clock.unix_ms() // 1_000
    payload = event("evt_1", "invoice.paid", "cus_1")
    assert shop.send(payload, signed(payload, now)).status_code == 200
    for signature in (
        "", "t=1", "v1=aa", f"t={now},v1=", f"t=x,v1={'a' * 64}", f"t={now},t={now},v1={'a' * 64}", "é",
        signed(payload, now, "whsec_other"), signed(payload, now - 301), signed(payload, now + 301),
        signed(payload + b" ", now),
    ):  # fmt: skip
        answer = shop.site.http.post(
            WEBHOOK, content=payload, headers={b"Stripe-Signature": signature.encode("latin-1")}
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_argument"), signature
    two = signed(payload, now, "whsec_other") + "," + signed(payload, now).partition(",")[2]
    assert shop.send(payload, two).status_code == 200  # while secrets are exchanged there are two signatures
    for broken in (
        b"",
        b"[]",
        b"{}",
        b'{"id": 1, "type": "x", "data": {"object": {}}}',
        b'{"data": {"object": 1}}',
    ):
        assert shop.send(broken, signed(broken, now)).status_code == 400


def test_events_of_others_change_nothing(shop: Shop) -> None:
    """One account of Stripe's may sell other things."""
    shop.subscribe()
    payload = event("evt_theirs", "invoice.paid", "cus_of_somebody_else")
    assert shop.send(payload, signed(payload, shop.site.clock.unix_ms() // 1_000)).status_code == 200
    billing = shop.site.platform.billing
    assert billing is not None
    assert list(billing.due.waiting()) == []


def test_what_is_kept_can_be_lost(shop: Shop) -> None:
    """Reading Stripe again makes all of it anew, in whatever state it was; and mails nobody again."""
    billing = shop.site.platform.billing
    assert billing is not None

    def begin() -> None:
        shop.subscribe("business")

    def fail() -> None:
        shop.till.fail(shop.customer)
        shop.later(READ_ONLY_AFTER_MS + DAY_MS)

    def end() -> None:
        shop.till.cancelled(shop.customer)
        shop.tell("customer.subscription.deleted")

    def shrink() -> None:
        shop.owner.must("PUT", f"{shop.path}/plan", {"plan": "pro"})

    for prepare in (begin, shrink, fail, end):
        prepare()
        shop.later(700_000)
        before, mails = kept(shop), len(shop.subjects())
        lose(shop)
        assert billing.reconciliation.run_all().failed == 0
        assert kept(shop) == before
        assert len(shop.subjects()) == mails


def kept(shop: Shop) -> Any:
    """All that follows from Stripe, but for when it was read and what was told before."""
    document = account_document(shop.site.table, shop.organization)
    assert document is not None
    account = account_of(document)
    organization, _ = store.organization_of(shop.site.table, shop.organization)
    grant = shop.grant()
    return json.dumps(
        [account.state, account.plan, repr(account.facts), repr(organization), grant.plan, grant.status]
    )


def lose(shop: Shop) -> None:
    """Delete everything that billing keeps."""
    from dataclasses import replace

    table = shop.site.table
    organization, document = store.organization_of(table, shop.organization)
    account = account_document(table, shop.organization)
    assert account is not None
    gone = [account, *(table.get(*place) for place in places_of_account(shop.organization, shop.customer))]
    blank = replace(organization, plan="free", status="active", stripe_customer=None, billing_state="none")
    assert table.transact(
        [
            *(Delete(one.pk, one.sk, one.revision) for one in gone if one is not None),
            store.put_organization(blank, document.revision),
        ]
    )


def test_two_subscriptions_at_once_are_one(shop: Shop) -> None:
    """Two browser windows: the later one is ended, and credited."""
    from dataclasses import replace

    shop.subscribe()
    facts = shop.till.accounts[shop.customer]
    shop.till.accounts[shop.customer] = replace(facts, superfluous=("sub_twice",))
    shop.site.clock.seconds += 60
    shop.tell("customer.subscription.created")
    assert shop.till.accounts[shop.customer].superfluous == ()


def test_credits_of_referrals_come_to_the_balance_once(shop: Shop) -> None:
    """Those from before there was a customer, too."""
    code = shop.owner.must("POST", f"/organizations/{shop.organization}/referral")["code"]
    guest = shop.site.person("guest@example.com")
    guest.must("POST", "/start", {"referral": code})
    shop.subscribe()
    shop.later(DAY_MS)
    assert list(shop.till.credits.values()) == [(shop.customer, 1_000)]
    assert shop.state()["credit"] == "10"


def test_a_deleted_organization_pays_nothing_more(shop: Shop) -> None:
    """Its subscription ends when the deletion begins; Stripe down puts the deletion off."""
    shop.subscribe()
    ended: list[str] = []
    shop.till.on_end = ended.append
    shop.owner.must("POST", f"/organizations/{shop.organization}/deletion", {"name": "Analytical"})
    shop.site.clock.seconds += 31 * 86_400
    deletions = shop.site.platform.deletions
    assert deletions is not None
    shop.till.is_down = True
    deletions.run_due()
    assert store.organization_of(shop.site.table, shop.organization)[0].name == "Analytical"
    shop.till.is_down = False
    customer = shop.customer
    deletions.run_due()
    assert ended == ["sub_pro"]
    assert organization_of_customer(shop.site.table, customer) is None
    assert list(organizations_with_accounts(shop.site.table)) == []
