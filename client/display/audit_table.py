"""Who has changed what, as a table for people."""

from collections.abc import Sequence

from client.display.formats import or_dash
from client.display.table import print_table
from client.http.types import JSON
from client.plain_text import one_line


def print_audit(entries: Sequence[JSON]) -> None:
    print_table(
        ["TIME", "WHO", "OWNER", "ACTION", "STATUS#", "IDS", "REQUEST"],
        [
            [
                or_dash(entry.get("created_at")),
                or_dash(entry.get("token_name")),
                or_dash(entry.get("owner")),
                one_line(entry["action"]),
                or_dash(entry.get("status")),
                or_dash(one_line(" ".join(entry.get("ids", []))) or None),
                or_dash(entry.get("request_id")),
            ]
            for entry in entries
        ],
        drop_order=["REQUEST", "OWNER", "STATUS#"],
        shrinkable="IDS",
    )
