"""What a starting server says on stdout: where it is, what searches, the first API key, and requests that work.

Where stdout is no terminal it becomes a log or a journal, which others read and keep: then the key goes to a file of
its own. With --json whoever started the server reads its one line, and asked for the key in it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from quartzdb.cli.output import print_json

FIRST_KEY_FILE = "first-api-key"
_TRY_IT = """\
Try it:

  curl -sX POST {url}/v1/namespaces \\
    -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
    -d '{{"name": "hello", "dimension": 3, "metric": "cosine"}}'

  curl -sX POST {url}/v1/namespaces/hello/vectors \\
    -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
    -d '{{"vectors": [{{"id": "dune", "vector": [0.9, 0.1, 0.0], "metadata": {{"year": 1965}}}}]}}'

  curl -sX POST {url}/v1/namespaces/hello/query \\
    -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
    -d '{{"vector": [1, 0, 0], "top_k": 3}}'
"""


def greet(
    url: str, data_dir: Path, key: str | None, *, keys: int, as_json: bool, more: Iterable[str] = ()
) -> None:
    """Print it. `key` is the first key, or None where there were `keys` already; `more`: what others have to say, which
    is not asked for with --json.
    """
    if as_json:
        print_json({"url": url, "key": key, "data_dir": str(data_dir.resolve())})
        return
    # Imported only now: the command line waits for numpy where a command needs it.
    from quartzdb.storage.index.engines.kernel_library import kernel

    click.echo(f"QuartzDB serves {data_dir} at {url}")
    click.echo(f"Documentation: {url}/docs")
    click.echo(f"Searching with: {kernel() or 'faiss and numpy (there is no kernel)'}\n")
    if key is not None and not sys.stdout.isatty():
        file = data_dir / FIRST_KEY_FILE
        descriptor = os.open(
            file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        with os.fdopen(descriptor, "w") as written:
            os.fchmod(descriptor, 0o600)
            written.write(f"{key}\n")
        click.echo(f"API key: in the file {file}, which only this account may read.")
        click.echo("It may read, write and administrate. Take it from there, and remove the file.\n")
    elif key is not None:
        click.echo(f"API key: {key}")
        click.echo("It may read, write and administrate. Keep it now: it is shown this once.\n")
        click.echo(_TRY_IT.format(url=url, key=key))
    else:
        click.echo(f"There {'is 1 API key' if keys == 1 else f'are {keys} API keys'} already. Another one:")
        click.echo(f"  quartzdb keys create --data-dir {data_dir} --name NAME --scopes read,write,admin\n")
    for text in more:
        click.echo(f"{text}\n")
    click.echo("Stop with Ctrl+C.")
    sys.stdout.flush()
