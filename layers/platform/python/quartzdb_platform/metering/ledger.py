"""What is charged of a month in which plans and caps may change: every unit is settled once, and then stays as it was.

A unit is covered (by what the plan includes), charged, or forgiven: refused too late, because a plan sells no more or
an owner's cap was reached. What a plan includes goes by the time that it was the plan, as its price does. All of it
is pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from quartzdb.domain.grant import Prices
from quartzdb_platform.domain.calendar import HOUR_MS, month_end_ms, start_ms
from quartzdb_platform.domain.catalogue import BYTES_OF_UNIT
from quartzdb_platform.domain.money import CENT, charged
from quartzdb_platform.domain.plan import Plan
from quartzdb_platform.metering.bill import BillLine, Used

NOTHING = Used()
_MILLION = 1_000_000
_GIGABYTE = 1_000_000_000
_NAMES = (("reads", "read unit"), ("writes", "write unit"), ("storage", "byte-hour"))


class Phase(NamedTuple):
    """From when on an organization was on a plan, and whether that sold what is beyond: a trial does not. Where it is
    paid, from the second that Stripe has.
    """

    from_ms: int
    plan: str
    overage: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """Of one project: what became of the units that were counted so far."""

    covered: Used = NOTHING
    charged: Used = NOTHING
    forgiven: Used = NOTHING

    @property
    def counted(self) -> Used:
        """All of them."""
        return self.covered + self.charged + self.forgiven


@dataclass(frozen=True, slots=True)
class Ledger:
    """Of an organization and a month. `phases`: the first is from the month's beginning on. `capped`: whether something
    was forgiven since the cap was set that stands.
    """

    month: str
    phases: tuple[Phase, ...]
    projects: Mapping[str, Settled] = field(default_factory=dict)
    capped: bool = False

    def total(self, what: str) -> Used:
        """Of all projects: of what was `covered`, `charged` or `forgiven`."""
        return sum((getattr(one, what) for one in self.projects.values()), Used())


def included(ledger: Ledger, plan_of: Callable[[str], Plan]) -> Used:
    """What the month includes if the present phase lasts until its end."""
    begins, ends = start_ms(ledger.month), month_end_ms(ledger.month)
    hours = (ends - begins) // HOUR_MS
    sums = [0, 0, 0]
    for number, phase in enumerate(ledger.phases):
        until = ledger.phases[number + 1].from_ms if number + 1 < len(ledger.phases) else ends
        lasted = max(0, until - max(begins, phase.from_ms))
        of = plan_of(phase.plan).included
        for place, whole in enumerate((of.read_units, of.write_units, of.storage_bytes * hours)):
            sums[place] += whole * lasted
    return Used(*(value // (ends - begins) for value in sums))


def settled(
    ledger: Ledger,
    used: Mapping[str, Used],
    plan_of: Callable[[str], Plan],
    prices: Prices,
    cap_micro_dollars: int | None,
) -> Ledger:
    """The same after what was used by now; again with the same changes nothing. What was counted and is no longer, as
    where a sample was mended, is not taken back.
    """
    phase = ledger.phases[-1]
    room = [
        max(0, whole - done)
        for whole, done in zip(included(ledger, plan_of), ledger.total("covered"), strict=True)
    ]
    projects = dict(ledger.projects)
    beyond_before = list(ledger.total("charged"))
    capped = ledger.capped
    for place in range(len(_NAMES)):
        for project_id in sorted(used):
            before = projects.get(project_id, Settled())
            more = max(0, used[project_id][place] - before.counted[place])
            if not more:
                continue
            cover = min(more, room[place])
            room[place] -= cover
            beyond = more - cover
            charge = 0
            if phase.overage:
                most = _affordable(beyond_before, place, prices, ledger.month, cap_micro_dollars)
                charge = beyond if most is None else min(beyond, most)
                beyond_before[place] += charge
                capped = capped or charge < beyond
            projects[project_id] = Settled(
                _added(before.covered, place, cover),
                _added(before.charged, place, charge),
                _added(before.forgiven, place, beyond - charge),
            )
    return replace(ledger, projects=projects, capped=capped)


def with_phase(ledger: Ledger, phase: Phase) -> Ledger:
    """The same from another plan on; what came before has to be settled."""
    if ledger.phases and ledger.phases[-1][1:] == phase[1:]:
        return ledger
    return replace(ledger, phases=(*ledger.phases, phase))


def with_another_cap(ledger: Ledger) -> Ledger:
    """The same under another cap; what came before has to be settled under the old one."""
    return replace(ledger, capped=False)


def lines(ledger: Ledger, plan_of: Callable[[str], Plan], prices: Prices) -> Sequence[BillLine]:
    """The bill of what is settled, as the invoice has it: units that are sent times a price, each line rounded to a
    cent.
    """
    whole, beyond_of = included(ledger, plan_of), ledger.total("charged")
    units = sum(sendable(ledger).values(), Used())
    of_units = (_MILLION, _MILLION, _GIGABYTE // BYTES_OF_UNIT)
    counted = sum((one.counted for one in ledger.projects.values()), Used())
    found = []
    for place, ((name, unit), (price, per)) in enumerate(
        zip(_NAMES, _priced(prices, ledger.month), strict=True)
    ):
        amount = charged(units[place] * price, of_units[place])
        found.append(BillLine(name, unit, counted[place], whole[place], beyond_of[place], price, per, amount))
    return found


def plan_price(ledger: Ledger, plan_of: Callable[[str], Plan]) -> int:
    """The plans' own price of the month, in whole cents as micro-dollars: of each plan what is charged for the rest of
    the month when it begins, less that part of it which was left when another followed, both rounded as Stripe's lines
    are. A trial costs nothing.
    """
    begins, ends = start_ms(ledger.month), month_end_ms(ledger.month)
    price = 0
    for number, phase in enumerate(ledger.phases):
        plan, from_ms = plan_of(phase.plan), max(begins, phase.from_ms)
        if plan.overage and not phase.overage:
            continue
        until = ledger.phases[number + 1].from_ms if number + 1 < len(ledger.phases) else ends
        if until <= from_ms:
            continue
        debit = charged(plan.month_micro_dollars * (ends - from_ms), ends - begins)
        price += debit - charged(debit * (ends - until), ends - from_ms)
    return price


def sendable(ledger: Ledger) -> Mapping[str, Used]:
    """What is charged of each project, in the units that are sent: storage by the kB-month, begun ones left out."""
    hours = (month_end_ms(ledger.month) - start_ms(ledger.month)) // HOUR_MS
    return {
        project_id: Used(
            one.charged.read_units,
            one.charged.write_units,
            one.charged.byte_hours // (BYTES_OF_UNIT * hours),
        )
        for project_id, one in ledger.projects.items()
    }


def _affordable(
    settled_units: Sequence[int], place: int, prices: Prices, month: str, cap_micro_dollars: int | None
) -> int | None:
    """How many more units of one kind keep the bill within the cap, every line rounded up to a cent; None: any
    number.
    """
    if cap_micro_dollars is None:
        return None
    left = cap_micro_dollars // CENT
    priced = _priced(prices, month)
    for other, (price, per) in enumerate(priced):
        if other != place:
            left -= -(-settled_units[other] * price // (per * CENT))
    price, per = priced[place]
    if not price:
        return None
    return max(0, max(0, left) * CENT * per // price - settled_units[place])


def _priced(prices: Prices, month: str) -> Sequence[tuple[int, int]]:
    """Micro-dollars, and of how many units, in the order of a bill's lines."""
    hours = (month_end_ms(month) - start_ms(month)) // HOUR_MS
    return (
        (prices.million_read_units, _MILLION),
        (prices.million_write_units, _MILLION),
        (prices.gigabyte_month, _GIGABYTE * hours),
    )


def _added(used: Used, place: int, more: int) -> Used:
    values = list(used)
    values[place] += more
    return Used(*values)
