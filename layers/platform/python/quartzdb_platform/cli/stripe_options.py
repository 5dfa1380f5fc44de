"""The options by which a command reaches Stripe: meant for the environment, where nobody who lists processes sees
them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from quartzdb_platform.domain.stripe_settings import API_URL, SECRET_KEY, WEBHOOK_SECRET, stripe_settings


def stripe_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `stripe`: the settings, None where no key is set."""

    @click.option(
        "--stripe-secret-key",
        envvar=SECRET_KEY,
        show_envvar=True,
        default="",
        help="Stripe's secret key. Default: there is no billing, and plans are changed by the command `plan`.",
    )
    @click.option(
        "--stripe-webhook-secret",
        envvar=WEBHOOK_SECRET,
        show_envvar=True,
        default="",
        help="What Stripe signs webhooks with; two, with a comma between, while one follows the other.",
    )
    @click.option(
        "--stripe-api-url",
        envvar=API_URL,
        show_envvar=True,
        default="",
        help="Where Stripe's API is, for a server that stands in for it. Default: at Stripe.",
    )
    @wraps(command)
    def with_stripe(
        *given: Any, stripe_secret_key: str, stripe_webhook_secret: str, stripe_api_url: str, **more: Any
    ) -> Any:
        stripe = stripe_settings(stripe_secret_key.strip(), stripe_webhook_secret, stripe_api_url.strip())
        return command(*given, stripe=stripe, **more)

    return with_stripe
