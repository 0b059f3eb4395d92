"""Showing a job until it ends, as `watch` and `submit --watch` do."""

import sys
from typing import TYPE_CHECKING

from client.api.statuses import failure_of
from client.display import record_tables
from client.display.messages import print_message, print_result
from client.errors import ClientError
from client.plain_text import one_line

if TYPE_CHECKING:
    from client.api.pretrain import Pretrain


def watch_job(client: "Pretrain", job_id: str, as_json: bool) -> None:
    """Show the job until it ends; with `as_json` on stderr, so that stdout has the record alone."""
    from client.display.updates import follow
    from client.display.watch import display_on

    try:
        with display_on(sys.stderr if as_json else sys.stdout) as display:
            for update in follow(client, job_id):
                display.show(update)
    except KeyboardInterrupt:
        print_message(f"Job {one_line(job_id)} goes on.")
        raise
    if as_json:
        print_result(update.job, as_json, record_tables.print_job)
    if failure := failure_of(update.job):
        raise ClientError(failure)
