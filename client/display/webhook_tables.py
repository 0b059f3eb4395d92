"""Webhooks and their deliveries as tables for people. What an older service does not send is left out."""

from collections.abc import Sequence

from client.display.formats import as_count, or_dash
from client.display.table import print_table
from client.http.types import JSON
from client.plain_text import one_line


def print_new_webhook(webhook: JSON) -> None:
    for name in ("id", "secret"):
        print(f"{name:<16} {or_dash(webhook.get(name))}")


def print_webhooks(webhooks: Sequence[JSON]) -> None:
    print_table(
        ["ID", "STATUS", "FAILURES#", "URL", "EVENTS"],
        [
            [
                one_line(webhook["id"]),
                or_dash(webhook.get("status")),
                as_count(webhook.get("failures")),
                one_line(webhook["url"]),
                one_line(", ".join(webhook.get("events") or [])),
            ]
            for webhook in webhooks
        ],
        drop_order=["EVENTS", "FAILURES", "STATUS", "URL"],
        shrinkable="URL",
    )


def print_deliveries(deliveries: Sequence[JSON]) -> None:
    print_table(
        ["ID", "TYPE", "STATUS", "ATTEMPTS#", "ANSWER#", "CREATED", "ERROR"],
        [
            [
                one_line(delivery["id"]),
                or_dash(delivery.get("type")),
                or_dash(delivery.get("status")),
                as_count(delivery.get("attempts")),
                or_dash(delivery.get("response_code")),
                or_dash(delivery.get("created_at")),
                or_dash(delivery.get("error")),
            ]
            for delivery in deliveries
        ],
        drop_order=["ERROR", "CREATED", "ATTEMPTS", "ANSWER", "TYPE", "STATUS"],
        shrinkable="ERROR",
    )
