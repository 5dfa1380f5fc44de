"""`python -m local.stripe`: serve until interrupted, and print one line of JSON with where and with which keys."""

from __future__ import annotations

import argparse
import json
import secrets
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from local.stripe.app import LocalStripe
from local.stripe.errors import Refused
from local.stripe.world import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.stripe", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0, the default, is any free one")
    parser.add_argument("--webhook", metavar="URL", help="where events are sent to")
    parser.add_argument("--webhook-secret", metavar="S", help="what signs them (default: a new one)")
    parser.add_argument("--secret-key", metavar="KEY", help="what clients have to have (default: a new one)")
    parser.add_argument("--state", type=Path, metavar="FILE", help="keep everything there, too")
    parser.add_argument("--seed", type=int, help="make the same ids each time")
    parser.add_argument(
        "--after-retries",
        choices=("cancel", "unpaid", "past_due"),
        default="cancel",
        help="what becomes of a subscription that is not paid in the end",
    )
    parser.add_argument(
        "--draft-hours", type=int, default=1, help="how long an invoice of a renewal is a draft (default: 1)"
    )
    options = parser.parse_args(arguments)
    key = options.secret_key or f"sk_test_{secrets.token_hex(16)}"
    secret = options.webhook_secret or f"whsec_{secrets.token_hex(16)}"
    try:
        server = LocalStripe(
            secret_key=key,
            file=options.state,
            seed=options.seed,
            settings=Settings(after_retries=options.after_retries, draft_hours=options.draft_hours),
        )
        if options.webhook is not None:
            server.send_to(options.webhook, secret)
        listening = socket.create_server(("127.0.0.1", options.port))
    except (OSError, ValueError, Refused) as error:
        sys.stderr.write(f"local/stripe cannot start: {error}\n")
        return 1
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.at(url)
    sys.stdout.write(json.dumps({"url": url, "secret_key": key, "webhook_secret": secret}) + "\n")
    sys.stdout.flush()
    uvicorn.Server(uvicorn.Config(server, log_config=None, lifespan="off", ws="none")).run([listening])
    return 0


if __name__ == "__main__":
    sys.exit(main())
