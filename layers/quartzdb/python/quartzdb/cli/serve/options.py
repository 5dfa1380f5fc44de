"""The options of every command that serves: where it listens, and what it logs."""

from __future__ import annotations

import click

from quartzdb.cli.numbers import WholeNumber
from quartzdb.domain.limits import CHANGES_DAYS, CHANGES_DAYS_MAX

host_option = click.option(
    "--host", default="127.0.0.1", show_default=True, help="The address to listen on; 0.0.0.0 for all."
)

port_option = click.option(
    "--port", type=WholeNumber(0, 65_535), default=8787, show_default=True, help="0 takes any free one."
)

log_level_option = click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="warning",
    show_default=True,
    help="What is logged to stderr.",
)

DISK_RESERVE_MB = 64

changes_days_option = click.option(
    "--changes-days",
    type=WholeNumber(0, CHANGES_DAYS_MAX),
    default=CHANGES_DAYS,
    envvar="QUARTZDB_CHANGES_DAYS",
    show_default=True,
    show_envvar=True,
    help="How long a cursor of a change feed is good: so long the log keeps what was written. 0: as short as it may.",
)

disk_reserve_option = click.option(
    "--disk-reserve-mb",
    type=WholeNumber(0, 1_000_000),
    default=DISK_RESERVE_MB,
    envvar="QUARTZDB_DISK_RESERVE_MB",
    show_default=True,
    show_envvar=True,
    help="Space kept in the data directory, for deletions and `compact --reclaim` on a full disk. 0: none.",
)
