"""Commands for webhooks: webhooks add, list, rm, deliveries."""

from typing import Annotated

import typer

from client.commands.options import AsJson, Url, connect
from client.display import webhook_tables
from client.display.messages import print_done, print_result
from client.plain_text import one_line

DELIVERIES = 100
"""As many of the newest as are listed."""

WebhookId = Annotated[str, typer.Argument(metavar="ID", help="The webhook's id.")]


def add_webhook(
    target: Annotated[str, typer.Argument(metavar="URL", help="Where deliveries are posted to.")],
    events: Annotated[
        list[str] | None,
        typer.Option(
            "--event",
            metavar="TYPE",
            help="What to tell of, such as job.failed or alert; may be given several times. "
            "Default: ends and pauses of jobs, and alerts.",
        ),
    ] = None,
    secret: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What deliveries are signed with. Default: a new one.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Add a webhook, and print its id and its secret, which is shown this once."""
    with connect(url) as client:
        webhook = client.webhooks.add(target, events=events or None, secret=secret)
    print_result(webhook, as_json, webhook_tables.print_new_webhook)


def list_webhooks(as_json: AsJson = False, url: Url = None) -> None:
    """List the webhooks."""
    with connect(url) as client:
        print_result(list(client.webhooks.list()), as_json, webhook_tables.print_webhooks)


def remove_webhook(webhook_id: WebhookId, as_json: AsJson = False, url: Url = None) -> None:
    """Delete a webhook: it is told of nothing more."""
    with connect(url) as client:
        client.webhooks.delete(webhook_id)
    print_done(f"Deleted {one_line(webhook_id)}.", as_json, id=webhook_id, deleted=True)


def deliveries(webhook_id: WebhookId, as_json: AsJson = False, url: Url = None) -> None:
    """List what a webhook was told last, or is to be told, and how that went."""
    with connect(url) as client:
        print_result(
            list(client.webhooks.deliveries(webhook_id, limit=DELIVERIES)),
            as_json,
            webhook_tables.print_deliveries,
        )
