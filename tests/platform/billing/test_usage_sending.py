"""What is used beyond a plan, as it is sent: each unit once, whatever fails, and as the usage API bills it."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from decimal import Decimal
from itertools import count as numbers

import pytest

from quartzdb_platform.billing.usage_outbox import put_waiting
from quartzdb_platform.domain.calendar import DAY_MS, HOUR_MS, month_of, start_ms
from quartzdb_platform.domain.catalogue import METERS, unit_cents
from quartzdb_platform.metering.counters import Counters
from tests.platform.billing.test_billing import Shop
from tests.platform.billing.till import Till
from tests.platform.conftest import Site
from tests.platform.plan_words import plan_of, prices

PRO = plan_of("pro").included
_BATCHES = numbers()


@pytest.fixture
def shop(site: Site, payments: Till) -> Shop:
    found = Shop(site, payments)
    found.subscribe()
    # Whole months from here on, at a quarter past an hour.
    found.later(start_ms("2023-12") + 15 * 60_000 - site.clock.unix_ms())
    found.till.renew(found.customer)
    found.tell("invoice.paid")
    return found


def use(shop: Shop, *, at_ms: int | None = None, project: str | None = None, **units: int) -> None:
    at = shop.site.clock.unix_ms() if at_ms is None else at_ms
    line = {"v": 1, "tenant": project or shop.project, "at": at, "key": "aaaaaaaaaaaa", "namespace": "books",
            "op": "query_vectors", "status": 200, "ms": 2.0, **units}  # fmt: skip
    Counters(shop.site.table, shop.site.clock).apply(f"batch-{next(_BATCHES)}", [json.dumps(line)], "test")


def run(shop: Shop) -> int:
    billing = shop.site.platform.billing
    assert billing is not None
    return billing.usage.run()


def sent(shop: Shop, meter: str = "read_units") -> list[int]:
    return [one.quantity for one in shop.till.usage if one.meter == meter]


def hours_later(shop: Shop, hours: int) -> None:
    shop.site.clock.seconds += hours * 3_600


def test_only_what_is_beyond_is_sent_once_an_hour_by_project(shop: Shop) -> None:
    """Its identifier is project, meter and hour; doing it again sends nothing."""
    owner = shop.fresh()
    other = owner.must("POST", f"/organizations/{shop.organization}/projects", {"name": "q"})["id"]
    use(shop, read_units=PRO.read_units - 10, write_units=5)
    hours_later(shop, 1)
    run(shop)
    assert shop.till.usage == []
    use(shop, read_units=4)
    use(shop, read_units=30, project=other)
    hours_later(shop, 1)
    for _ in range(3):
        run(shop)
    assert sum(sent(shop)) == 24
    for one in shop.till.usage:
        project, meter, hour = one.identifier.split(":")
        assert (project in {shop.project, other}, meter, hour) == (True, "read_units", "2023-12-01T01")
    hours_later(shop, 1)
    assert run(shop) == 0
    use(shop, read_units=1)
    hours_later(shop, 1)
    run(shop)
    assert (sum(sent(shop)), len({one.identifier for one in shop.till.usage})) == (25, len(shop.till.usage))


def test_stripe_down_for_hours_loses_nothing(shop: Shop) -> None:
    """The database serves, usage is kept, and sent when it is there again: each once."""
    use(shop, read_units=PRO.read_units)
    shop.till.is_down = True
    for _ in range(5):
        use(shop, read_units=100)
        shop.later(HOUR_MS)
        assert shop.grant().status == "active"
    billing = shop.site.platform.billing
    assert billing is not None
    assert sum(one.quantity for one in billing.outbox.waiting()) == 500
    assert shop.till.usage == []
    shop.till.is_down = False
    shop.later(HOUR_MS)
    assert sum(sent(shop)) == 500
    assert list(billing.outbox.waiting()) == []


def test_what_was_counted_without_our_hearing_of_it_is_not_sent_again(shop: Shop) -> None:
    """Not even after a day, when Stripe has forgotten the identifier."""
    use(shop, read_units=PRO.read_units + 70)
    hours_later(shop, 1)
    billing = shop.site.platform.billing
    assert billing is not None
    billing.usage.settle(shop.organization, month_of(shop.site.clock.unix_ms()))
    (waiting,) = billing.outbox.waiting()
    run(shop)
    (counted,) = shop.till.usage
    # The answer was lost, and what waits with it; Stripe knows the name no more.
    assert shop.site.table.transact([put_waiting(waiting)])
    shop.till.usage[0] = replace(counted, identifier="forgotten")
    hours_later(shop, 30)
    run(shop)
    assert sent(shop) == [70]


def test_usage_that_is_counted_late_is_in_the_next_event(shop: Shop) -> None:
    """And of a month that is over on its invoice, while that is a draft; after that it is a line of the next one."""
    use(shop, read_units=PRO.read_units)
    hours_later(shop, 2)
    run(shop)
    hours_later(shop, 5)
    use(shop, read_units=7, at_ms=shop.site.clock.unix_ms() - 4 * HOUR_MS)
    run(shop)
    assert sent(shop) == [7]
    last = start_ms("2024-01") - 1_000
    shop.site.clock.seconds = (start_ms("2024-01") + 15 * 60_000) / 1_000
    use(shop, read_units=20, at_ms=last)
    run(shop)
    assert sent(shop) == [7, 20]
    assert shop.till.usage[-1].identifier.endswith(":2023-12-31T23")
    assert start_ms("2023-12") <= shop.till.usage[-1].at_ms < start_ms("2024-01")
    hours_later(shop, 1)
    use(shop, read_units=30, at_ms=last)
    run(shop)
    assert sent(shop) == [7, 20, 30]
    shop.till.made.add(start_ms("2024-01"))
    hours_later(shop, 1)
    use(shop, read_units=40, at_ms=last)
    run(shop)
    run(shop)
    assert sent(shop) == [7, 20, 30]
    (late,) = shop.till.late
    assert (late.month, late.quantity, late.unit_cents) == ("2023-12", 40, Decimal("0.0012"))
    hours_later(shop, 24 * 15)
    use(shop, read_units=50, at_ms=last)
    run(shop)
    assert len(shop.till.late) == 1


def test_a_plan_of_a_day_takes_no_usage_off(shop: Shop) -> None:
    """What was charged stays so; a smaller plan at once is refused where more was used than it includes."""
    use(shop, read_units=PRO.read_units + 1_000_000)
    hours_later(shop, 1)
    run(shop)
    shop.fresh().must("PUT", f"{shop.path}/plan", {"plan": "business"})
    use(shop, read_units=5_000_000)
    hours_later(shop, 1)
    run(shop)
    assert sum(sent(shop)) == 1_000_000
    refused = shop.fresh().ask("PUT", f"{shop.path}/plan", {"plan": "pro", "when": "now"})
    assert refused.status_code == 409


def test_in_a_trial_nothing_beyond_is_sold(site: Site, payments: Till) -> None:
    """What the plan includes is all there is, and reads are refused then."""
    shop = Shop(site, payments)
    shop.subscribe("pro", trial_ends_ms=start_ms("2023-12"))
    use(shop, read_units=10 * PRO.read_units)
    site.platform.caps.run(0)
    site.platform.caps.check(shop.organization)
    assert shop.grant().reads_blocked.limit == "read_units"
    hours_later(shop, 2)
    run(shop)
    assert shop.till.usage == []


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_each_unit_is_billed_once_and_caps_hold(shop: Shop, seed: int) -> None:
    """Usage, upgrades, downgrades, caps, failures and late lines over the end of a month: what is sent for a month is
    its bill by the usage API and its statement, to the cent of each line, and never more than the cap.
    """
    chance = random.Random(seed)
    owner = shop.fresh()
    projects = [
        shop.project,
        owner.must("POST", f"/organizations/{shop.organization}/projects", {"name": "q"})["id"],
    ]
    cap_path, plan = f"/organizations/{shop.organization}/cap", "pro"
    shop.site.clock.seconds = (start_ms("2024-01") - DAY_MS // 2) / 1_000
    for _ in range(30):
        step = chance.choice(["use", "use", "use", "hour", "hour", "cap", "plan", "down"])
        if step == "use":
            use(shop, project=chance.choice(projects), read_units=chance.randrange(10**7),
                write_units=chance.randrange(10**7))  # fmt: skip
        elif step == "hour":
            hours_later(shop, chance.randrange(1, 9))
            shop.site.platform.upkeep.run_due()
        elif step == "cap":
            cap = chance.randrange(0, 200)
            shop.fresh().must("PUT", cap_path, {"dollars": str(cap)})
        elif step == "plan":
            if shop.till.is_down:
                continue
            plan = "business" if plan == "pro" else "pro"
            shop.fresh().must("PUT", f"{shop.path}/plan", {"plan": plan})
        else:
            shop.till.is_down = not shop.till.is_down
            if not shop.till.is_down:
                run(shop)
    shop.till.is_down = False
    hours_later(shop, 2)
    run(shop)
    hours_later(shop, 2)
    run(shop)
    assert len({one.identifier for one in shop.till.usage}) == len(shop.till.usage)
    present = shop.fresh().must("GET", f"/organizations/{shop.organization}/usage")["month"]
    shop.later(5 * DAY_MS)
    shop.later(2 * HOUR_MS)  # a month is closed an hour after it was seen to be over
    before = shop.fresh().must("GET", f"/organizations/{shop.organization}/statements")[0]
    assert (before["month"], present["month"]) == ("2023-12", "2024-01")
    cents = unit_cents(prices())
    for month, lines in (("2023-12", before["lines"]), ("2024-01", present["lines"])):
        for line, meter in zip(lines, METERS, strict=True):
            quantity = sum(
                one.quantity for one in shop.till.usage if one.meter == meter and month_of(one.at_ms) == month
            )
            assert abs(Decimal(line["cost_usd"]) * 100 - quantity * cents[meter]) < 1
            assert line["beyond"] == quantity or meter == "storage"
