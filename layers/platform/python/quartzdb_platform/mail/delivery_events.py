"""What Amazon SES tells of mail that was sent: what came back for good, and what was called unwanted.

Source: https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html. With a configuration set `eventType` is
where `notificationType` is without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parseaddr
from typing import Any

from quartzdb_platform.mail.suppressions import Suppressed, Suppressions


def apply_delivery_event(event: Mapping[str, Any], suppressions: Suppressions) -> int:
    """How many addresses are suppressed by it. Safe to repeat. Raises ValueError for what is no such event."""
    kind = event.get("eventType") or event.get("notificationType")
    if not isinstance(kind, str):
        raise ValueError("this is no event of SES: it has neither eventType nor notificationType")
    if kind == "Bounce":
        bounce = _part(event, "bounce")
        # Transient: a full mailbox, a server that is away. Undetermined: nobody knows.
        if bounce.get("bounceType") != "Permanent":
            return 0
        return _suppress(bounce, "bouncedRecipients", Suppressed.BOUNCE, suppressions)
    if kind == "Complaint":
        complaint = _part(event, "complaint")
        if complaint.get("complaintFeedbackType") == "not-spam":
            return 0
        return _suppress(complaint, "complainedRecipients", Suppressed.COMPLAINT, suppressions)
    return 0  # deliveries, delays, openings


def _suppress(part: Mapping[str, Any], name: str, why: Suppressed, suppressions: Suppressions) -> int:
    recipients = part.get(name)
    if not isinstance(recipients, list):
        raise ValueError(f"an event of SES without {name}")
    addresses = [one.get("emailAddress") for one in recipients if isinstance(one, dict)]
    return sum(suppressions.add(parseaddr(one)[1], why) for one in addresses if isinstance(one, str))


def _part(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = event.get(name)
    if not isinstance(part, dict):
        raise ValueError(f"an event of SES without {name}")
    return part
