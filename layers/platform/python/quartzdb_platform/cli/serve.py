"""The command `quartzdb platform serve`: database and platform in one process, and mail in a folder."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import click

from quartzdb.cli.data_dir import data_dir_option
from quartzdb.cli.output import json_option, print_json
from quartzdb.cli.serve.listener import listen, url_of
from quartzdb.cli.serve.options import host_option, log_level_option, port_option
from quartzdb.cli.serve.peer import PeerOptions
from quartzdb.cli.serve.settings import limit_threads, log_to_stderr
from quartzdb_platform.cli.stripe_options import stripe_options
from quartzdb_platform.domain.stripe_settings import StripeSettings
from quartzdb_platform.settings import ENVIRONMENT, read_settings

METERING_SECONDS = 0.25
"""How often the usage journal is looked at."""
_TRY_IT = """\
Sign up, with any address: the mail goes to the outbox.

  curl -s {url}/platform/v1/sign-in -H 'Content-Type: application/json' -d '{{"email": "you@example.com"}}'
  cat {outbox}/*.eml
  curl -s {url}/platform/v1/sign-in/verify -H 'Content-Type: application/json' \\
    -d '{{"email": "you@example.com", "code": "THE CODE"}}'
  curl -s {url}/platform/v1/start -H 'Content-Type: application/json' \\
    -H 'Authorization: Bearer THE TOKEN' -d '{{"namespace": {{"name": "hello", "dimension": 3}}}}'

The last answer has a key, and a quickstart to paste.
"""


@click.command()
@data_dir_option
@host_option
@port_option
@log_level_option
@click.option(
    "--secret-scanning-keys-url",
    envvar="QUARTZDB_SECRET_SCANNING_KEYS_URL",
    show_envvar=True,
    help="Where the provider that reports leaked keys publishes what it signs with. Default: nobody reports any.",
)
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path),
    envvar=ENVIRONMENT,
    show_envvar=True,
    help="A TOML file: docs/platform.md says what may stand in it.",
)
@stripe_options
@json_option
def serve(
    data_dir: Path,
    host: str,
    port: int,
    log_level: str,
    secret_scanning_keys_url: str | None,
    settings_file: Path | None,
    stripe: StripeSettings | None,
    as_json: bool,
) -> None:
    """Start database and platform on this machine, in one process.

    People sign in by mail, which is not sent: each is a file in the folder `outbox` of the data directory. With --json
    it prints one line, {"url", "console_url", "outbox"}, as soon as it serves.
    """
    limit_threads()
    log_to_stderr(log_level)
    from quartzdb.cli.serve.server import serve_here
    from quartzdb.cli.serve.worker import STOP_SECONDS_MAX, application
    from quartzdb.domain.errors import QuartzError
    from quartzdb.maintenance.background import Background
    from quartzdb_platform.local_platform import OUTBOX, open_platform, with_platform
    from quartzdb_platform.upkeep import UpkeepThread

    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    listener = listen(host, port)
    url = url_of(listener)
    settings = read_settings(settings_file, url)
    background, database = application(
        data_dir, PeerOptions(data_region=settings.regions.own), usage_journal=True
    )
    outbox = (data_dir / OUTBOX).resolve()

    def ready() -> None:
        if as_json:
            print_json({"url": url, "console_url": f"{settings.public_url}/platform", "outbox": str(outbox)})
            return
        click.echo(f"QuartzDB serves {data_dir} at {url}, with accounts at {url}/platform/v1")
        click.echo(f"The console is at {settings.public_url}/platform")
        click.echo(f"Mail is in {outbox}\n")
        click.echo(_TRY_IT.format(url=url, outbox=outbox))
        click.echo("Stop with Ctrl+C.")
        sys.stdout.flush()

    platform = open_platform(
        database,
        data_dir,
        settings,
        secret_scanning_keys_url=secret_scanning_keys_url,
        stripe=stripe,
    )
    upkeep = UpkeepThread(platform.upkeep)
    upkeep.start()
    assert platform.usage_journal is not None
    # Not a step of upkeep: how far usage goes beyond a cap is how long this takes.
    metering = Background(platform.usage_journal.run_pass, idle_seconds=METERING_SECONDS)
    metering.start()
    try:
        serve_here(with_platform(background, platform), listener, log_level=log_level, on_ready=ready)
    finally:
        metering.stop(STOP_SECONDS_MAX)
        upkeep.stop()
        # What the last requests used is in the journal by now. What is not counted here, the next start counts.
        with suppress(QuartzError):
            platform.usage_journal.run()
    background.leave()
