"""Webhooks and what was sent to them, as the API shows them."""

from typing import Any, Literal

from api.records.record import Record, Time, from_row
from jobs.store.tables import Webhook, WebhookDelivery
from jobs.store.webhooks import EventType


class WebhookRecord(Record):
    """A URL that is told of what happens to jobs."""

    id: str
    object: Literal["webhook"] = "webhook"
    url: str
    events: list[EventType]
    """What it is told of."""
    secret: str | None
    """What its deliveries are signed with: in the answer to its POST, and null ever after."""
    status: Literal["enabled", "disabled"]
    """`disabled` once its deliveries have failed for so long that nothing more is sent; delete it, and post
    it anew."""
    detail: str | None
    """Why it is disabled."""
    failures: int
    """Attempts that have failed since the last one that succeeded."""
    created_at: Time


def webhook_record(webhook: Webhook, *, with_secret: bool = False) -> WebhookRecord:
    return from_row(WebhookRecord, webhook, secret=webhook.secret if with_secret else None)


class DeliveryRecord(Record):
    """Something that a webhook was told, or is to be told."""

    id: str
    """As the receiver gets it, at every attempt."""
    object: Literal["delivery"] = "delivery"
    type: EventType
    data: dict[str, Any]
    status: Literal["pending", "delivered", "failed"]
    """`failed` when it is tried no more: a day after it was made, or once the webhook is disabled."""
    attempts: int
    response_code: int | None
    """Of the last attempt; null if nothing answered."""
    error: str | None
    """Why the last attempt failed."""
    created_at: Time
    next_attempt_at: Time | None
    """Null unless it is pending."""
    delivered_at: Time | None


def delivery_record(delivery: WebhookDelivery) -> DeliveryRecord:
    return from_row(DeliveryRecord, delivery)
