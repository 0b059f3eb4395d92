"""The command `compare`: what differs between jobs, and what came of it."""

from typing import Annotated

import typer

from client.commands.options import AsJson, Url, connect
from client.display.comparison_table import differences, print_comparison
from client.display.messages import print_json
from client.errors import UsageError


def compare(
    job_ids: Annotated[list[str], typer.Argument(metavar="ID ID...", help="The jobs' ids.")],
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Show in which fields of their specs jobs differ, and their results side by side."""
    ids = list(dict.fromkeys(job_ids))
    if len(ids) < 2:
        raise UsageError("give the ids of two jobs or more: pretrain jobs lists them")
    with connect(url) as client:
        jobs = [client.jobs.get(job_id) for job_id in ids]
    if as_json:
        print_json({"differences": differences(jobs), "jobs": jobs})
    else:
        print_comparison(jobs)
