"""The command `quartzdb platform`: found by the `quartzdb` command through an entry point."""

from __future__ import annotations

import click

from quartzdb_platform.cli.audit import audit
from quartzdb_platform.cli.billing import billing
from quartzdb_platform.cli.incident import incident
from quartzdb_platform.cli.keys import keys
from quartzdb_platform.cli.mail import mail
from quartzdb_platform.cli.operator import operator
from quartzdb_platform.cli.organizations import organizations
from quartzdb_platform.cli.plan import plan
from quartzdb_platform.cli.restore import restore
from quartzdb_platform.cli.serve import serve
from quartzdb_platform.cli.waitlist import waitlist


@click.group()
def platform() -> None:
    """Accounts, projects and keys beside the database."""


platform.add_command(serve)
platform.add_command(audit)
platform.add_command(billing)
platform.add_command(incident)
platform.add_command(keys)
platform.add_command(mail)
platform.add_command(operator)
platform.add_command(organizations)
platform.add_command(plan)
platform.add_command(restore)
platform.add_command(waitlist)
