"""The `quartzdb` command: its subcommands, and how their errors are told."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib.metadata import entry_points
from typing import Any

import click

from quartzdb import __version__
from quartzdb.cli.adopt import adopt
from quartzdb.cli.backup import backup
from quartzdb.cli.changes import changes
from quartzdb.cli.compact import compact
from quartzdb.cli.demo.command import demo
from quartzdb.cli.erase import erase, erasures
from quartzdb.cli.export import export
from quartzdb.cli.failure import CLOSED_PIPE, INTERRUPTED, Failure
from quartzdb.cli.importing.command import import_
from quartzdb.cli.keys import keys
from quartzdb.cli.kv import kv
from quartzdb.cli.namespaces import namespaces
from quartzdb.cli.origin import origin
from quartzdb.cli.query import query
from quartzdb.cli.records import records
from quartzdb.cli.replication import replication
from quartzdb.cli.restore import restore
from quartzdb.cli.serve.command import serve
from quartzdb.cli.serve.settings import limit_threads
from quartzdb.cli.stats import stats
from quartzdb.cli.tenants import tenants
from quartzdb.cli.verify import verify
from quartzdb.domain.errors import QuartzError

COMMANDS = "quartzdb.commands"
"""The entry points by which other packages add commands; nothing of them is imported before it is asked for."""
PACKAGES = {"mcp": "quartzdb-mcp"}
"""Commands that are in packages of their own, for whoever asks for one that is not installed."""


class _Group(click.Group):
    """A group that tells what the database refused as it tells its own failures, and lists commands as given."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand. Raises Failure instead of QuartzError, OSError and KeyboardInterrupt."""
        try:
            answer = super().invoke(ctx)
            sys.stdout.flush()  # what cannot be written should be said here, not by the interpreter as it ends
        except QuartzError as error:
            raise Failure.of(error) from error
        except BrokenPipeError:
            # Whoever read has what they wanted: no error to speak of.
            _leave_stdout()
            ctx.exit(CLOSED_PIPE)
        except OSError as error:
            _leave_stdout()
            raise Failure.of_system(error) from error
        except MemoryError as error:
            raise Failure("There is not enough memory for this.") from error
        except KeyboardInterrupt:
            raise Failure("Interrupted.", exit_code=INTERRUPTED) from None
        return answer

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """In the order of a first acquaintance, and then those of other packages."""
        return [*self.commands, *sorted(entry_points(group=COMMANDS).names)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is asked for. One of another package that is not installed is told with its package."""
        if (package := PACKAGES.get(args[0])) is not None and self.get_command(ctx, args[0]) is None:
            ctx.fail(f"`quartzdb {args[0]}` is in a package of its own: pip install {package}")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, of this package or of another one that is installed."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        found = tuple(entry_points(group=COMMANDS, name=cmd_name))
        if not found:
            return None
        loaded = found[0].load()
        assert isinstance(loaded, click.Command)
        return loaded


def _show_version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    """What this is, and what its searches are made with on this machine."""
    if asked and not context.resilient_parsing:
        click.echo(f"quartzdb, version {__version__}, searching with {_kernel() or 'faiss'}")
        context.exit()


def _kernel() -> object:
    """What the setting asks for, so that a wrong one is told before anything begins."""
    from quartzdb.domain.errors import InvalidArgument
    from quartzdb.storage.index.engines.kernel_library import kernel

    try:
        return kernel()
    except InvalidArgument as error:
        raise click.UsageError(f"{error} {error.hint}") from None


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="""\b
A first acquaintance:
  quartzdb demo "split a string on commas"   search the docs of Python's standard library
  quartzdb serve                             start the database; prints a key and requests to try
  quartzdb import base.jsonl --namespace docs --create""",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """QuartzDB: a vector and key-value database.

    Every command works on a data directory, ./data unless told otherwise, whether or not a server is running on it.
    With --table and --bucket all but serve and demo work on a database on AWS.
    """
    # Data, exports, backups and keys are for the account that runs this, whatever its shell gives new files.
    os.umask(0o077)
    limit_threads()
    _kernel()


for command in (
    serve,
    demo,
    keys,
    tenants,
    namespaces,
    records,
    kv,
    changes,
    erase,
    erasures,
    query,
    import_,
    export,
    stats,
    compact,
    verify,
    backup,
    adopt,
    restore,
    origin,
    replication,
):
    cli.add_command(command)


def _leave_stdout() -> None:
    """Let what is still buffered go nowhere: the interpreter flushes it as it ends, and would print what that meets."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """The console script."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started this: nobody wants to know
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - for as long as the process lives
    try:
        cli(prog_name="quartzdb")
    except OSError as error:  # in what click itself prints, as for --help
        _leave_stdout()
        failure = Failure.of_system(error)
        failure.show()
        sys.exit(failure.exit_code)
