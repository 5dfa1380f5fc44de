"""The numbers of Stripe's test cards, and what becomes of a charge to each. Any other number is refused.

The third column of Stripe's own list: `attached` says whether a card can be kept although charges fail later.
"""

from __future__ import annotations

from dataclasses import dataclass

from local.stripe.errors import Refused, card_declined


@dataclass(frozen=True, slots=True)
class TestCard:
    """`code` None: charges succeed. With `attached` they fail only later, when nobody looks on."""

    __test__ = False  # for pytest: its name begins like a test's

    number: str
    brand: str
    name: str  # as in pm_card_{name}
    code: str | None = None
    decline_code: str | None = None
    attached: bool = False

    def refusal(self) -> Refused | None:
        """What a charge is answered."""
        return None if self.code is None else card_declined(_SAYS[self.code], self.code, self.decline_code)


_SAYS = {
    "card_declined": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
    "incorrect_number": "Your card number is incorrect.",
}
_CARDS = (
    TestCard("4242424242424242", "visa", "visa"),
    TestCard("4000056655665556", "visa", "visa_debit"),
    TestCard("5555555555554444", "mastercard", "mastercard"),
    TestCard("378282246310005", "amex", "amex"),
    TestCard("6011111111111117", "discover", "discover"),
    TestCard("4000000000000341", "visa", "chargeCustomerFail", "card_declined", "generic_decline", True),
    TestCard("4000000000000002", "visa", "visa_chargeDeclined", "card_declined", "generic_decline"),
    TestCard(
        "4000000000009995",
        "visa",
        "visa_chargeDeclinedInsufficientFunds",
        "card_declined",
        "insufficient_funds",
    ),
    TestCard("4000000000009987", "visa", "visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
    TestCard("4000000000009979", "visa", "visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
    TestCard("4000000000000069", "visa", "chargeDeclinedExpiredCard", "expired_card", "expired_card"),
    TestCard("4000000000000127", "visa", "chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
    TestCard(
        "4000000000000119", "visa", "chargeDeclinedProcessingError", "processing_error", "processing_error"
    ),
    # Asks for 3-D Secure on every payment; here nobody is there to answer, so that it is a decline off session.
    TestCard(
        "4000002760003184",
        "visa",
        "authenticationRequired",
        "authentication_required",
        "authentication_required",
        True,
    ),
)
BY_NUMBER = {card.number: card for card in _CARDS}
BY_NAME = {f"pm_card_{card.name}": card for card in _CARDS} | {f"tok_{card.name}": card for card in _CARDS}


def by_number(number: str) -> TestCard:
    """Spaces and dashes do not count. Raises Refused for a number that is not a test card's."""
    digits = number.replace(" ", "").replace("-", "")
    card = BY_NUMBER.get(digits)
    if card is None:
        raise card_declined(
            "Your card was declined. Only the numbers of test cards are known here: try 4242 4242 4242 4242."
            if digits.isdecimal()
            else _SAYS["incorrect_number"],
            "card_declined" if digits.isdecimal() else "incorrect_number",
            "test_mode_live_card" if digits.isdecimal() else None,
        )
    return card
