"""The SDK's client, and what its errors are here. The SDK takes a quarter of a second to import: who bills nothing does
not wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from quartzdb.domain.errors import Conflict, NotFound, Unavailable
from quartzdb_platform.domain.errors import PaymentDeclined

if TYPE_CHECKING:
    from requests import Session
    from stripe import StripeClient

CURRENCY = "usd"
TIMEOUT_SECONDS = (3.05, 20.0)
"""To connect, and between two pieces of an answer."""
RETRIES_MAX = 2
PAGE = 100


def stripe_client(
    secret_key: str, api_url: str | None = None, session: Session | None = None
) -> StripeClient:
    """`api_url` None: Stripe itself; `session`: whose connections to use. Asks nothing yet."""
    import stripe

    return stripe.StripeClient(
        secret_key,
        base_addresses={"api": api_url} if api_url else None,
        max_network_retries=RETRIES_MAX,
        http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS, session=session),
    )


@contextmanager
def told() -> Iterator[None]:
    """Have the SDK's errors be ours. Raises PaymentDeclined, NotFound, Conflict, Unavailable."""
    import stripe

    try:
        yield
    except stripe.CardError as error:
        why = error.user_message or "The card was declined."
        raise PaymentDeclined(why, hint="Use another card, or ask the bank that issued it.") from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise Unavailable(
            "Stripe does not take the secret key of this deployment.", hint="Tell whoever operates it."
        ) from error
    except stripe.InvalidRequestError as error:
        if error.code == "resource_missing":
            raise NotFound(f"Stripe has no such thing: {error.user_message}", field=error.param) from error
        raise Conflict(
            f"Stripe refuses it: {error.user_message}", hint="Look at the bill, and try again."
        ) from error
    except stripe.StripeError as error:
        raise Unavailable(
            "Stripe cannot be reached now, or cannot answer.", hint="Try again in a minute; nothing was lost."
        ) from error
