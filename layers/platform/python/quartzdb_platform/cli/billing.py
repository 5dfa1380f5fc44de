"""The command `quartzdb platform billing`: has Stripe sell what the plans say, and the platform be as Stripe says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from quartzdb.cli.data_dir import data_dir_option
from quartzdb.cli.failure import Failure
from quartzdb.cli.output import json_option, print_json
from quartzdb_platform.cli.stripe_options import stripe_options
from quartzdb_platform.domain.stripe_settings import SECRET_KEY, StripeSettings

if TYPE_CHECKING:
    from quartzdb_platform.payments import Payments


@click.group()
def billing() -> None:
    """Products, prices and bills at Stripe.

    Needs the secret key in the environment. Everything is safe to repeat.
    """


@billing.command(epilog="\b\nExample:\n  quartzdb platform billing sync --url https://db.example.com")
@click.option(
    "--url",
    "public_url",
    required=True,
    help="Where the console is, without a path: pages of Stripe lead back.",
)
@stripe_options
@json_option
def sync(public_url: str, stripe: StripeSettings | None, as_json: bool) -> None:
    """Make products, meters, prices and the customer portal what the plans say.

    Prices of versions that are to come are made, too: subscriptions have them from their month on.
    """
    from quartzdb.adapters.system_clock import SystemClock
    from quartzdb_platform.domain.calendar import month_of
    from quartzdb_platform.domain.catalogue import catalogue_of
    from quartzdb_platform.plans.plan_file import load_plans
    from quartzdb_platform.settings import checked_origin

    checked_origin(public_url, "url")
    catalogue = catalogue_of(load_plans(), month_of(SystemClock().unix_ms()))
    done = _payments(stripe).publish(catalogue, f"{public_url}/platform")
    if as_json:
        print_json({"changed": list(done)})
        return
    for one in done:
        click.echo(one)
    click.echo(f"{len(done)} things were made or changed." if done else "Everything was so already.")


@billing.command()
@data_dir_option
@stripe_options
@json_option
def reconcile(data_dir: Path, stripe: StripeSettings | None, as_json: bool) -> None:
    """Read every customer from Stripe, and make what is kept here what Stripe says.

    Works beside a running server, which tells the databases within a minute. Nobody is mailed about what is found anew.
    """
    from quartzdb.adapters.system_clock import SystemClock
    from quartzdb_platform.adapters.sqlite_documents import SqliteDocuments
    from quartzdb_platform.audit.log import AuditLog
    from quartzdb_platform.billing.applying import Applying
    from quartzdb_platform.billing.price_moves import PriceMoves
    from quartzdb_platform.billing.reconciliation import Reconciliation
    from quartzdb_platform.domain.calendar import month_of
    from quartzdb_platform.local_platform import PLATFORM_FILE
    from quartzdb_platform.metering.settlements import Settlements
    from quartzdb_platform.plans.plan_file import load_plans

    file = data_dir / PLATFORM_FILE
    if not file.exists():
        raise Failure(f"There is no platform in {data_dir}.", hint="Name its directory: --data-dir DIR")
    payments, clock, plans = _payments(stripe), SystemClock(), load_plans()
    with SqliteDocuments(file) as table:
        audit = AuditLog(table, clock)
        applying = Applying(
            table,
            audit,
            payments,
            clock,
            "the console's page `billing` of {organization}",
            plans=lambda name: plans.of(name, month_of(clock.unix_ms())),
            noted=Settlements(table, plans, clock).plan_changed,
            changed=lambda _: None,
        )
        moves = PriceMoves(table, audit, payments, plans, clock)
        done = Reconciliation(table, payments, applying, moves).run_all()
    if as_json:
        print_json(done._asdict())
    else:
        click.echo(
            f"{done.organizations} organizations are as Stripe says; of {done.changed} something was changed."
        )
    if done.failed:
        raise Failure(f"{done.failed} could not be read.", hint="The log above says why. Run it again.")


def _payments(stripe: StripeSettings | None) -> Payments:
    if stripe is None:
        raise Failure(
            f"{SECRET_KEY} is not set.", hint="Set it to a secret key of Stripe's, of test mode at first."
        )
    from quartzdb_platform.local_platform import stripe_payments

    return stripe_payments(stripe)
