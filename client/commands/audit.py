"""The command `audit`: who has changed what."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from client.commands.numbers import duration_s, whole_number
from client.commands.options import AsJson, Url, connect
from client.display.audit_table import print_audit
from client.display.messages import print_result


def audit(
    limit: Annotated[
        int, typer.Option(parser=whole_number(minimum=1), metavar="N", help="The newest so many.")
    ] = 20,
    since: Annotated[
        int | None,
        typer.Option(parser=duration_s, metavar="TIME", help="Of the last so long alone, such as 7d."),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List who has changed what, the newest first. It takes an administrator's token."""
    start = None if since is None else (datetime.now(UTC) - timedelta(seconds=since)).isoformat()
    with connect(url) as client:
        print_result(list(client.audit(limit=limit, since=start)), as_json, print_audit)
