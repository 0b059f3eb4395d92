"""Commands for jobs: submit, fork, jobs, show, watch, cancel, pause, resume, delete."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from client.commands.numbers import whole_number
from client.commands.options import AsJson, Assignments, JobId, Url, connect
from client.display import record_tables
from client.display.job_status import failure_of
from client.display.messages import print_message, print_result
from client.errors import ClientError
from client.plain_text import one_line

if TYPE_CHECKING:
    from client.http.client import Client


def submit(
    spec: Annotated[
        Path | None,
        typer.Argument(
            metavar="SPEC",
            help="A .json, .toml or .yaml file, or - for standard input; none: the lecture's job.",
        ),
    ] = None,
    assignments: Assignments = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show the job until it ends.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Submit a training job."""
    from client.spec.assignments import build_spec

    job_spec = build_spec(spec, assignments or [])
    with connect(url) as client:
        job = client.submit(job_spec)
        if watch:
            watch_job(client, job["id"], as_json)
        else:
            print_result(job, as_json, record_tables.print_job)


def fork(
    job_id: JobId,
    checkpoint: Annotated[
        str, typer.Option(metavar="NAME", help="last, best or the step of a checkpoint.")
    ] = "last",
    assignments: Assignments = None,
    without_optimizer: Annotated[
        bool,
        typer.Option(
            "--without-optimizer", help="Start at step 0, from the weights alone, instead of going on."
        ),
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show the job until it ends.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Submit a job that goes on from a checkpoint of another one; --set changes its spec."""
    from client.spec.assignments import build_spec

    request = {
        "checkpoint": int(checkpoint) if is_step(checkpoint) else checkpoint,
        "with_optimizer": not without_optimizer,
        "spec": build_spec(None, assignments or []),
    }
    with connect(url) as client:
        job = client.fork(job_id, request)
        if watch:
            watch_job(client, job["id"], as_json)
        else:
            print_result(job, as_json, record_tables.print_job)


def is_step(checkpoint: str) -> bool:
    return checkpoint.isascii() and checkpoint.isdigit() and len(checkpoint) < 19


def list_jobs(
    status: Annotated[str | None, typer.Option(help="Only jobs of this status.")] = None,
    name: Annotated[str | None, typer.Option(help="Only jobs of this name.")] = None,
    limit: Annotated[int, typer.Option(parser=whole_number(1), metavar="N", help="How many, at most.")] = 20,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List jobs, newest first."""
    with connect(url) as client:
        page = client.jobs(status=status, name=name, limit=limit)
    print_result(page["data"], as_json, record_tables.print_jobs)
    if page["has_more"]:
        print_message("There are more jobs; see --limit.")


def show(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Show a job; if it failed, with the last lines of its log."""
    with connect(url) as client:
        job = client.job(job_id)
        log_lines = client.logs(job_id) if job.get("error") and not as_json else []
    print_result(job, as_json, record_tables.print_job)
    record_tables.print_log(log_lines)


def watch(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Show a job live until it ends; exit status 1 if it did not succeed."""
    with connect(url) as client:
        watch_job(client, job_id, as_json)


def cancel(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Cancel a job; one that runs stops after its current step."""
    with connect(url) as client:
        print_result(client.cancel(job_id), as_json, record_tables.print_job)


def pause(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Pause a running job; it stops after its current step, with a checkpoint."""
    with connect(url) as client:
        print_result(client.pause(job_id), as_json, record_tables.print_job)


def resume(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Let a paused job go on from its last checkpoint."""
    with connect(url) as client:
        print_result(client.resume(job_id), as_json, record_tables.print_job)


def delete(
    job_id: JobId,
    checkpoint: Annotated[
        int | None,
        typer.Option(
            parser=whole_number(0), metavar="STEP", help="Only its checkpoint of that step, and keep the job."
        ),
    ] = None,
    url: Url = None,
) -> None:
    """Delete a job that has ended or is paused, with its history and its checkpoints."""
    with connect(url) as client:
        if checkpoint is not None:
            client.delete_checkpoint(job_id, checkpoint)
        else:
            client.delete(job_id)
    what = "" if checkpoint is None else f"the checkpoint of step {checkpoint} of "
    print_message(f"Deleted {what}{one_line(job_id)}.")


def watch_job(client: "Client", job_id: str, as_json: bool) -> None:
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
