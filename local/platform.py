"""`python -m local.platform`: what `make platform` starts. The platform on this machine, and local/stripe beside it.

Where a secret key of Stripe's is set in the environment, that account is used, and there is no other beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_KEY = "QUARTZDB_STRIPE_SECRET_KEY"
_PORT = 8787
_STOP_SECONDS_MAX = 30
_QUARTZDB = (sys.executable, "-m", "quartzdb.cli")
_WEBHOOK = "/platform/webhooks/stripe"
STATE = "local-stripe.json"
"""In the data directory: customers there are customers of the organizations beside it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status of `quartzdb platform serve`, which gets all of the arguments."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if os.environ.get(_KEY) or "--help" in given:
        return _until_it_ends([*_QUARTZDB, "platform", "serve", *given], os.environ)
    known = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    known.add_argument("--port", type=int, default=_PORT)
    known.add_argument("--data-dir", type=Path, default=Path(os.environ.get("QUARTZDB_DATA_DIR", "data")))
    options, rest = known.parse_known_args(given)
    # Stripe has to know where the platform will be before it is there.
    port = options.port or _free_port()
    try:
        options.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        sys.stderr.write(f"error: The data directory cannot be made: {error}. Name another by --data-dir.\n")
        return 1
    with _stripe(options.data_dir / STATE, f"http://127.0.0.1:{port}{_WEBHOOK}") as settings:
        environment = {**os.environ, **settings}
        sync = [*_QUARTZDB, "platform", "billing", "sync", "--url", f"http://localhost:{port}"]
        made = subprocess.run(sync, env=environment, capture_output=True, text=True, check=False)
        if made.returncode != 0:
            sys.stderr.write(made.stderr)
            return made.returncode
        sys.stderr.write(
            f"Billing is by local/stripe at {settings['QUARTZDB_STRIPE_API_URL']}: it is not Stripe, and no money "
            "moves. Pay by the card 4242 4242 4242 4242.\n"
        )
        serve = [*_QUARTZDB, "platform", "serve", "--port", str(port), "--data-dir", str(options.data_dir)]
        return _until_it_ends([*serve, *rest], environment)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def _stripe(state: Path, webhook: str) -> Iterator[dict[str, str]]:
    """A Stripe in a process of its own, and the settings of a platform that uses it."""
    secret = f"whsec_{secrets.token_hex(16)}"
    # Who does not pay in the end is the platform's to decide: docs/billing.md has the same for an account at Stripe.
    rest = ["--after-retries", "past_due", "--webhook-secret", secret]
    command = [sys.executable, "-m", "local.stripe", "--state", str(state), "--webhook", webhook, *rest]
    # A session of its own: Ctrl+C stops the platform first, which may have something to say to it.
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise SystemExit(process.wait(_STOP_SECONDS_MAX))
            ready = json.loads(line)
            yield {
                _KEY: ready["secret_key"],
                "QUARTZDB_STRIPE_WEBHOOK_SECRET": ready["webhook_secret"],
                "QUARTZDB_STRIPE_API_URL": ready["url"],
            }
        finally:
            process.terminate()
            process.wait(_STOP_SECONDS_MAX)


def _until_it_ends(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Its exit status. Whatever asks this process to stop asks that one."""
    with subprocess.Popen(command, env=environment) as process:

        def stop(*_: object) -> None:
            process.terminate()

        signal.signal(signal.SIGTERM, stop)
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                # The terminal has told it as well.
                continue


if __name__ == "__main__":
    sys.exit(main())
