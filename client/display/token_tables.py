"""Access tokens as tables and sentences for people."""

from collections.abc import Sequence

from client.display.formats import or_dash
from client.display.table import print_table
from client.http.types import JSON
from client.plain_text import one_line


def describe_new(token: JSON) -> str:
    """Of one that has just been made, whose text stands on stdout."""
    ends = token.get("expires_at")
    until = "until it is revoked" if ends is None else f"until {one_line(ends)}"
    scopes = ", ".join(map(one_line, token.get("scopes", [])))
    return (
        f"This is {one_line(token['id'])}, for {scopes}, {until}. It is not shown again: keep it, and give "
        "it to commands as PRETRAIN_TOKEN."
    )


def print_tokens(tokens: Sequence[JSON]) -> None:
    print_table(
        ["ID", "NAME", "OWNER", "SCOPES", "EXPIRES", "REVOKED", "LAST USED"],
        [
            [
                one_line(token["id"]),
                one_line(token["name"]),
                or_dash(token.get("owner")),
                one_line(",".join(token.get("scopes", []))),
                or_dash(token.get("expires_at")),
                or_dash(token.get("revoked_at")),
                or_dash(token.get("last_used_at")),
            ]
            for token in tokens
        ],
        drop_order=["OWNER", "LAST USED", "NAME", "EXPIRES"],
        shrinkable="NAME",
    )
