"""What the hosted pages share: a form that was sent, and what is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.stripe.errors import Refused, card_declined

TAX_ID_KINDS = (
    ("eu_vat", "EU VAT number"),
    ("gb_vat", "UK VAT number"),
    ("us_ein", "US EIN"),
    ("ch_vat", "Swiss VAT number"),
)


@dataclass(frozen=True, slots=True)
class Form:
    """As somebody filled it in; empty fields are empty texts, in templates too."""

    fields: Mapping[str, str]

    def __getattr__(self, name: str) -> str:
        return self.fields.get(name, "").strip()

    def card(self) -> dict[str, Any] | None:
        """Number, month, year and CVC, or None where no number was given. Raises Refused for half a card."""
        if not self.card_number:
            return None
        if not (self.exp_month.isdecimal() and self.exp_year.isdecimal()):
            raise card_declined("Your card's expiration date is incomplete.", "incomplete_expiry", None)
        return {
            "number": self.card_number,
            "month": int(self.exp_month),
            "year": int(self.exp_year),
            "cvc": self.cvc,
        }

    def needed_card(self) -> dict[str, Any]:
        """Raises Refused where there is none."""
        card = self.card()
        if card is None:
            raise Refused("Your card number is incomplete.", code="incomplete_number")
        return card

    def tax_id(self) -> dict[str, str] | None:
        """Type and value, where one was given. Raises Refused for half of one."""
        if bool(self.tax_id_type) != bool(self.tax_id_value):
            raise Refused("A tax id has a kind and a number.", code="tax_id_invalid")
        return {"type": self.tax_id_type, "value": self.tax_id_value} if self.tax_id_type else None


@dataclass(frozen=True, slots=True)
class Page:
    """One of: a template and its values, somewhere else to go, or plain text."""

    template: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    location: str | None = None
    text: str | None = None
