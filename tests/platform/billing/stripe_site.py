"""A platform beside a Stripe of this process: the official SDK over a socket, pages filled in as a person would,
webhooks sent to the platform over another. Both go by one clock.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from local.stripe.app import LocalStripe
from quartzdb_platform.accounts import store
from quartzdb_platform.billing.desk import BillingDesk
from tests.platform.conftest import Person, Site

CARD = {"card_number": "4242424242424242", "exp_month": "12", "exp_year": "2030", "cvc": "123"}
FAILS_LATER = "4000000000000341"
DECLINED = "4000000000000002"


@dataclass
class StripeSite:
    """An organization on that platform. `url` is Stripe's."""

    site: Site
    stripe: LocalStripe
    url: str
    owner: Person
    organization: str
    project: str

    @property
    def desk(self) -> BillingDesk:
        desk = self.site.platform.billing
        assert desk is not None
        return desk

    @property
    def path(self) -> str:
        return f"/organizations/{self.organization}/billing"

    @property
    def customer(self) -> str:
        found = store.organization_of(self.site.table, self.organization)[0].stripe_customer
        assert found is not None
        return found

    def fresh(self) -> Person:
        """The owner, signed in just now."""
        self.site.people.clear()
        self.owner = self.site.person("owner@example.com")
        return self.owner

    def state(self) -> Any:
        return self.owner.must("GET", self.path)

    def fill_in(self, page: str, **fields: str) -> tuple[int, str]:
        """Send the form of a page of Stripe's."""
        parts = urlsplit(page)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        with closing(http.client.HTTPConnection(parts.hostname or "", parts.port)) as connection:
            connection.request("POST", parts.path, urlencode(fields), headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def subscribe(self, plan: str = "pro", *, trial: bool = False, **fields: str) -> None:
        url = self.fresh().must("POST", f"{self.path}/checkout", {"plan": plan, "trial": trial})["url"]
        status, _ = self.fill_in(url, do="pay", **{**CARD, **fields})
        assert status == 303
        self.deliver()

    def control(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        parts = urlsplit(self.url)
        headers = {"Authorization": f"Bearer {self.stripe.secret_key}"}
        sent = json.dumps(body) if body is not None else None
        with closing(http.client.HTTPConnection(parts.hostname or "", parts.port)) as connection:
            connection.request(method, f"/_local{path}", sent, headers)
            answer = connection.getresponse()
            text = answer.read()
        assert answer.status == 200, text
        return json.loads(text)

    def deliver(self, **how: object) -> list[Any]:
        """Have the webhooks that wait be sent, and taken."""
        answers = self.control("POST", "/webhooks/deliver", how)["answers"]
        assert {one["answer"] for one in answers} <= {200}, answers
        found: list[Any] = answers
        return found

    def later(self, seconds: float) -> None:
        """Time goes on for both; what Stripe does of it is told, and upkeep runs."""
        self.site.clock.seconds += seconds
        self.control("GET", "")
        self.desk.payments.customers(None, 1)  # whoever asks has it do what is due
        self.deliver()
        self.site.platform.upkeep.run_due()
        self.fresh()
