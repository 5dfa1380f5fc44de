"""A platform that is asked over HTTP, and the options by which an operator says which: a directory, or an address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from quartzdb.cli.data_dir import data_dir_option
from quartzdb.cli.failure import NOT_FOUND, Failure

F = TypeVar("F", bound=Callable[..., None])


def ask(url: str, token: str, method: str, path: str, body: object = None) -> Any:
    """The document of an answer. Raises Failure for a refusal, Unavailable."""
    from quartzdb_platform.adapters.json_over_http import JsonOverHttp

    if not token.isascii() or not token.isprintable():
        raise Failure("The token is no token of a platform.", hint="Copy the whole token.")
    server = JsonOverHttp(url, headers={"Authorization": f"Bearer {token}"})
    status, document = server.ask(method, path, body)
    if status >= 400:
        told = document if isinstance(document, dict) else {}
        message = str(told.get("detail", f"The platform answered with status {status}."))
        raise Failure(message, hint=told.get("hint"), exit_code=NOT_FOUND if status == 404 else 1)
    return document


def operated(command: F) -> F:
    """The options of an operator's command: `data_dir`, or `url` and `token`."""
    options = (
        data_dir_option,
        click.option(
            "--url",
            help="Where the platform is served, instead of a data directory: https://quartzdb.example.com. Needs an "
            "operator's token.",
        ),
        click.option(
            "--token",
            envvar="QUARTZDB_OPERATOR_TOKEN",
            show_envvar=True,
            help="With --url: an operator's token, qdb_oper_…, of `quartzdb platform operator create`.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def ask_as_operator(url: str, token: str | None, method: str, path: str, body: object = None) -> Any:
    """The same as `ask`, of the operators' routes."""
    if not token:
        raise Failure(
            "An operator's token is needed with --url.",
            hint="Make one where the platform's table is (quartzdb platform operator create), and put it into "
            "QUARTZDB_OPERATOR_TOKEN.",
        )
    return ask(url, token, method, f"/platform/v1/operator{path}", body)
