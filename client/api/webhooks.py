"""URLs that are told of what happens to jobs."""

from collections.abc import Iterator, Sequence

from client.api.paths import webhook_path
from client.api.resource import Resource, without_none
from client.http import response_models
from client.http.response_models import Page
from client.records import Delivery, Webhook


class Webhooks(Resource):
    """`pretrain.webhooks`: URLs that are told, signed, of what happens to jobs."""

    def add(self, url: str, *, events: Sequence[str] | None = None, secret: str | None = None) -> Webhook:
        """Have a URL told of what happens to jobs; its record, the only one with its `secret`.

        events  such as `job.failed`; None: ends and pauses of jobs, and alerts
        secret  what deliveries are signed with; None: a new one
        """
        body = without_none(url=url, events=None if events is None else [*events], secret=secret)
        return self._transport.json("POST", "/webhooks", response_models.Webhook, json=body)

    def get(self, webhook_id: str) -> Webhook:
        """A webhook's record, without its secret."""
        return self._transport.json("GET", webhook_path(webhook_id), response_models.Webhook)

    def deliveries(self, webhook_id: str, *, limit: int | None = None) -> Iterator[Delivery]:
        """What it was told, or is to be told, the newest first, and how that went.

        limit  how many, at most; None: all that are kept
        """
        path = webhook_path(webhook_id, "deliveries")
        return self._pages(path, Page[response_models.Delivery], limit=limit)

    def delete(self, webhook_id: str) -> None:
        """Delete a webhook: it is told of nothing more."""
        self._transport.request("DELETE", webhook_path(webhook_id))

    def list(self) -> Iterator[Webhook]:
        """All webhooks."""
        return self._pages("/webhooks", Page[response_models.Webhook])
