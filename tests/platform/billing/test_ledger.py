"""What a month is charged: whatever happens in it, each unit is settled once, and nothing is charged above the cap."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from local.stripe.amounts import part
from quartzdb_platform.domain.calendar import DAY_MS, month_end_ms, start_ms
from quartzdb_platform.domain.catalogue import METERS, unit_cents
from quartzdb_platform.metering.bill import Used, bill, total
from quartzdb_platform.metering.ledger import (
    Ledger,
    Phase,
    included,
    lines,
    plan_price,
    sendable,
    settled,
    with_another_cap,
    with_phase,
)
from tests.platform.plan_words import plan_of, prices

MONTH = "2026-11"
BEGINS, ENDS = start_ms(MONTH), month_end_ms(MONTH)


def opened(plan: str) -> Ledger:
    return Ledger(MONTH, (Phase(BEGINS, plan, plan_of(plan).overage),))


def test_a_month_without_changes_is_billed_as_a_whole() -> None:
    """The two ways to compute it are one."""
    for plan in ("free", "pro", "business"):
        used = Used(30_000_001, 25_000_003, 10**18)
        ledger = settled(opened(plan), {"prj_a": used}, plan_of, prices(), None)
        whole = list(bill(plan_of(plan), prices(), used, MONTH))
        for line, other in zip(lines(ledger, plan_of, prices()), whole, strict=True):
            assert line[:-1] == other[:-1]
            assert abs(line.micro_dollars - other.micro_dollars) <= 5_000
        assert plan_price(ledger, plan_of) == plan_of(plan).month_micro_dollars


def test_what_is_included_goes_by_the_time_of_a_plan() -> None:
    """As its price does: half a month has half of it."""
    half = (BEGINS + ENDS) // 2
    ledger = with_phase(opened("free"), Phase(half, "pro", True))
    free, pro = plan_of("free"), plan_of("pro")
    assert included(ledger, plan_of).read_units == (free.included.read_units + pro.included.read_units) // 2
    assert plan_price(ledger, plan_of) == pro.month_micro_dollars // 2


def test_a_dearer_plan_on_the_last_day_takes_nothing_off_the_bill() -> None:
    """What was charged stays charged, and the day brings a day's share."""
    pro = plan_of("pro").included.read_units
    before = settled(opened("pro"), {"prj_a": Used(read_units=pro + 5_000_000)}, plan_of, prices(), None)
    after = with_phase(before, Phase(ENDS - DAY_MS, "business", True))
    more = settled(after, {"prj_a": Used(read_units=pro + 6_000_000)}, plan_of, prices(), None)
    assert before.total("charged").read_units == 5_000_000
    share = (plan_of("business").included.read_units - pro) // 30
    assert more.total("charged").read_units == 6_000_000 - share


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("use"),
            st.sampled_from(["prj_a", "prj_b", "prj_c"]),
            st.integers(0, 9_000_000),
            st.integers(0, 9_000_000),
            st.integers(0, 10**16),
        ),
        st.tuples(st.just("plan"), st.sampled_from(["free", "pro", "business"]), st.booleans()),
        st.tuples(st.just("cap"), st.one_of(st.none(), st.integers(0, 200_000_000))),
        st.tuples(st.just("settle")),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.data())
def test_each_unit_is_settled_once_and_the_cap_holds(steps: list[Any], data: st.DataObject) -> None:
    """Over any sequence of upgrades, downgrades, trials, caps and usage. Settling more often changes no sum; what was
    charged is never taken back; what each project is sent for adds up to the bill, to the cent.
    """
    ledger, used = opened("free"), dict[str, Used]()
    cap: int | None = None
    charged_under_cap = 0
    now = BEGINS
    for step in steps:
        before = ledger
        now = min(ENDS - 1, now + data.draw(st.integers(0, 3 * DAY_MS)))
        if step[0] == "use":
            used[step[1]] = used.get(step[1], Used()) + Used(*step[2:])
            continue
        ledger = settled(ledger, used, plan_of, prices(), cap)
        if step[0] == "plan":
            plan = plan_of(step[1])
            ledger = with_phase(ledger, Phase(now, plan.name, plan.overage and step[2]))
        elif step[0] == "cap":
            charged_under_cap = cents(ledger)
            cap, ledger = step[1], with_another_cap(ledger)
        for project_id, one in before.projects.items():
            later = ledger.projects[project_id]
            for what in ("covered", "charged", "forgiven"):
                pairs = zip(getattr(one, what), getattr(later, what), strict=True)
                assert all(earlier <= present for earlier, present in pairs)
        if cap is not None:
            assert cents(ledger) <= max(cap // 10_000, charged_under_cap)
    ledger = settled(ledger, used, plan_of, prices(), cap)
    assert settled(ledger, used, plan_of, prices(), cap) == ledger
    assert {name: one.counted for name, one in ledger.projects.items() if any(one.counted)} == {
        name: one for name, one in used.items() if any(one)
    }
    # Covering goes by what is included at the time: a later, smaller plan makes no debt of it.
    if all(step[0] != "plan" for step in steps):
        whole = included(ledger, plan_of)
        assert all(a <= b for a, b in zip(ledger.total("covered"), whole, strict=True))
    bill_lines = lines(ledger, plan_of, prices())
    sent = sendable(ledger)
    for place, meter in enumerate(METERS):
        quantity = sum(one[place] for one in sent.values())
        exact = quantity * unit_cents(prices())[meter]
        assert exact.quantize(Decimal(1), ROUND_HALF_UP) == Decimal(bill_lines[place].micro_dollars) / 10_000


def cents(ledger: Ledger) -> int:
    """What Stripe makes of what it is sent: each line rounded to cents."""
    units = unit_cents(prices())
    sums = [sum(one[place] for one in sendable(ledger).values()) for place in range(3)]
    amounts = (quantity * units[meter] for quantity, meter in zip(sums, METERS, strict=True))
    return int(sum(amount.quantize(Decimal(1), ROUND_HALF_UP) for amount in amounts))


def test_a_trial_sells_nothing_beyond() -> None:
    """What is beyond is forgiven, and blocked by whoever looks."""
    trial = Ledger(MONTH, (Phase(BEGINS, "pro", False),))
    ledger = settled(trial, {"prj_a": Used(read_units=10**9)}, plan_of, prices(), None)
    assert total(lines(ledger, plan_of, prices())) == 0
    assert ledger.total("forgiven").read_units == 10**9 - plan_of("pro").included.read_units


def test_a_cap_is_reached_to_the_cent_and_known() -> None:
    """Who looks is told that it was; another cap begins anew, and what was forgiven stays so."""
    ledger = settled(opened("pro"), {"prj_a": Used(read_units=10**9)}, plan_of, prices(), 5_000_000)
    assert cents(ledger) == 500
    assert ledger.capped
    more = settled(with_another_cap(ledger), {"prj_a": Used(read_units=10**9 + 1)}, plan_of, prices(), None)
    assert (more.capped, more.total("charged").read_units) == (False, ledger.total("charged").read_units + 1)


CHANGES = st.lists(
    st.tuples(st.integers(0, 30 * 86_400 - 1), st.sampled_from(["free", "pro", "business"]), st.booleans()),
    max_size=6,
)


@settings(max_examples=200, deadline=None)
@given(CHANGES)
def test_the_plans_part_is_what_prorations_come_to(changes: list[tuple[int, str, bool]]) -> None:
    """To the cent, over any changes of plan at any second: what is charged for the rest of the month, and that part of
    it given back which is left at the next change, each line rounded as Stripe rounds it.
    """
    whole = (ENDS - BEGINS) // 1_000
    charges, ledger = 0, opened("free")
    paid = (0, 0, 0)
    for at, name, paying in sorted(changes):
        plan = plan_of(name)
        sells = plan.overage and paying
        after = with_phase(ledger, Phase(BEGINS + at * 1_000, name, sells))
        if after is ledger:
            continue
        ledger = after
        amount, began, price = paid
        charges -= part(amount, whole - at, whole - began) if amount else 0
        price = plan.month_micro_dollars // 10_000 if sells else 0
        paid = (part(price, whole - at, whole), at, price)
        charges += paid[0]
    assert plan_price(ledger, plan_of) == charges * 10_000
