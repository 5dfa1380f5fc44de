"""How this deployment reaches Stripe. Without a secret key there is no billing: plans are changed by whoever operates
it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from quartzdb.domain.errors import InvalidArgument

SECRET_KEY = "QUARTZDB_STRIPE_SECRET_KEY"  # noqa: S105 - a name
WEBHOOK_SECRET = "QUARTZDB_STRIPE_WEBHOOK_SECRET"  # noqa: S105 - a name
API_URL = "QUARTZDB_STRIPE_API_URL"


@dataclass(frozen=True, slots=True)
class StripeSettings:
    """`webhook_secrets`: two while one follows the other. `api_url` None: Stripe itself."""

    secret_key: str = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    api_url: str | None = None


def stripe_settings(secret_key: str, webhook_secret: str, api_url: str) -> StripeSettings | None:
    """Of the variables' texts; None where no key is set. Raises InvalidArgument for what cannot be one."""
    secrets = tuple(one.strip() for one in webhook_secret.split(",") if one.strip())
    if not secret_key:
        if secrets:
            raise InvalidArgument(
                f"{WEBHOOK_SECRET} is set, and {SECRET_KEY} is not.", hint="Set both, or neither."
            )
        return None
    if not secret_key.startswith(("sk_", "rk_")):
        raise InvalidArgument(f"{SECRET_KEY} begins with sk_ or rk_: this is no secret key of Stripe's.")
    if api_url and not api_url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise InvalidArgument(f"{API_URL} is {api_url[:100]!r}: it is https, or this machine.")
    return StripeSettings(secret_key, secrets, api_url or None)
