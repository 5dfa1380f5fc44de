"""What local/stripe tells of: signed, again until it is taken, and in whatever order a test likes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import stripe

from local.quiet_server import serving
from tests.behaviour.stripe.conftest import JANUARY
from tests.stripe_server import WEBHOOK_SECRET, StripeServer, stripe_server

_WITHIN_SECONDS = 20.0


class Receiver:
    """Verifies what it gets as the SDK does, and answers what it is told to."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.events: list[stripe.Event] = []

    def take(self, body: bytes, signature: str) -> int:
        event = stripe.Webhook.construct_event(body, signature, WEBHOOK_SECRET)
        answer = self.answers.pop(0) if self.answers else 200
        if answer == 200:
            self.events.append(event)
        return answer

    def types(self) -> list[str]:
        return [each.type for each in self.events]

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + _WITHIN_SECONDS
        while len(self.events) < count:
            assert time.monotonic() < deadline, self.types()
            time.sleep(0.01)


@contextmanager
def _receiving() -> Iterator[tuple[Receiver, str]]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.take(body, self.headers["Stripe-Signature"])
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with serving(Handler) as url:
        yield receiver, f"{url}/hook"


@pytest.fixture
def told() -> Iterator[tuple[StripeServer, Receiver]]:
    """A server of its own, and who is told."""
    with stripe_server(now=JANUARY) as server, _receiving() as (receiver, url):
        server.app.send_to(url, WEBHOOK_SECRET, "customer.created", "product.created")
        yield server, receiver


def test_an_event_is_sent_signed_and_once(told: tuple[StripeServer, Receiver]) -> None:
    """To whoever asked for its type, with what the API has under its id."""
    server, receiver = told
    customer = server.client.customers.create({"email": "ada@example.com"})
    server.client.customers.update(customer.id, {"name": "Ada"})
    server.client.products.create({"name": "Pro"})
    receiver.wait_for(2)
    assert receiver.types() == ["customer.created", "product.created"]
    event = receiver.events[0]
    assert event.data.object["id"] == customer.id
    kept = server.client.events.retrieve(event.id)
    assert kept.data.object.to_dict() == event.data.object.to_dict()
    assert kept.request is not None
    assert kept.request.id == customer.last_response.request_id  # type: ignore[union-attr]  # it was answered


def test_what_is_not_taken_comes_again(told: tuple[StripeServer, Receiver]) -> None:
    """A second later; a redirect is not followed."""
    server, receiver = told
    receiver.answers.append(302)
    server.client.products.create({"name": "Pro"})
    receiver.wait_for(1)
    (delivery,) = server.control("GET", "/deliveries")["deliveries"]
    assert delivery["tries"][0] == 302


def test_a_test_can_have_them_late_twice_and_backwards(told: tuple[StripeServer, Receiver]) -> None:
    """And days later once more."""
    server, receiver = told
    server.control("POST", "/webhooks", held=True)
    for name in ("one", "two", "three"):
        server.client.products.create({"name": name})
    assert receiver.events == []
    answers = server.control("POST", "/webhooks/deliver", order="reversed", times=2)["answers"]
    assert [each["answer"] for each in answers] == [200] * 6
    names = [each.data.object["name"] for each in receiver.events]
    assert names == ["three", "three", "two", "two", "one", "one"]
    again = server.control("POST", "/webhooks/deliver", again=True, events=[receiver.events[-1].id])
    assert [each["answer"] for each in again["answers"]] == [200]
    assert receiver.events[-1].data.object["name"] == "one"
    assert server.client.events.retrieve(receiver.events[-1].id).pending_webhooks == 0


def test_an_endpoint_of_ones_own_has_its_secret_once(told: tuple[StripeServer, Receiver]) -> None:
    """When it is made, and never again; one that is gone is sent nothing."""
    server, _ = told
    made = server.client.webhook_endpoints.create(
        {"url": "http://127.0.0.1:1/nobody", "enabled_events": ["product.created"]}
    )
    assert made.secret is not None
    assert "secret" not in server.client.webhook_endpoints.retrieve(made.id).to_dict()
    server.client.webhook_endpoints.delete(made.id)
    product = server.client.products.create({"name": "Pro"})
    (event,) = server.client.events.list({"type": "product.created", "limit": 1}).data
    assert event.data.object["id"] == product.id
    assert event.pending_webhooks <= 1


def test_nobody_else_can_sign(told: tuple[StripeServer, Receiver]) -> None:
    """The SDK refuses another secret, another body and another time."""
    from local.stripe.signature import header

    body, now = json.dumps({"object": "event", "id": "evt_1", "type": "x"}).encode(), int(time.time())
    good = header(body, WEBHOOK_SECRET, now)
    assert stripe.Webhook.construct_event(body, good, WEBHOOK_SECRET).id == "evt_1"
    for wrong_body, wrong in (
        (body, header(body, "whsec_of_somebody_else", now)),
        (body + b" ", good),
        (body, header(body, WEBHOOK_SECRET, now - 301)),
    ):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(wrong_body, wrong, WEBHOOK_SECRET)


def test_while_it_is_down_nothing_is_done(told: tuple[StripeServer, Receiver]) -> None:
    """Requests are answered 503, as many as were said."""
    server, _ = told
    server.control("POST", "/down", requests=1)
    with pytest.raises(stripe.APIError) as gone:
        server.client.products.create({"name": "Pro"})
    assert gone.value.http_status == 503
    assert server.client.products.list().data == []
    statuses = [each["status"] for each in server.control("GET", "/requests")["requests"]]
    assert statuses == [503, 200]
