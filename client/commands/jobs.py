"""Commands for jobs that there are: jobs, show, watch, edit, cancel to resume, delete."""

from typing import Annotated

import typer

from client.commands.numbers import whole_number
from client.commands.options import AsJson, JobId, Url, connect
from client.commands.watching import watch_job
from client.display import record_tables
from client.display.messages import print_done, print_message, print_result
from client.errors import UsageError
from client.files.input import STDIN, decode_utf8, read_bytes
from client.plain_text import one_line

MAX_NOTES_BYTES = 4 * 65_536
"""The service takes 65,536 characters."""


def list_jobs(
    status: Annotated[str | None, typer.Option(help="Only jobs of this status.")] = None,
    name: Annotated[str | None, typer.Option(help="Only jobs of this name.")] = None,
    tags: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="TAG", help="Only jobs with this tag; several times, with all."),
    ] = None,
    starred: Annotated[bool, typer.Option("--starred", help="Only jobs that are starred.")] = False,
    archived: Annotated[
        bool, typer.Option("--archived", help="Only jobs that are archived, which are not listed otherwise.")
    ] = False,
    limit: Annotated[int, typer.Option(parser=whole_number(1), metavar="N", help="How many, at most.")] = 20,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List jobs, newest first."""
    with connect(url) as client:
        found = client.jobs.list(
            status=status,
            name=name,
            tags=tags or [],
            starred=starred or None,
            archived=archived or None,
            limit=limit + 1,
        )
        jobs = list(found)
    print_result(jobs[:limit], as_json, record_tables.print_jobs)
    if len(jobs) > limit:
        print_message("There are more jobs; see --limit.")


def show(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Show a job; if it failed, with the last lines of its log."""
    with connect(url) as client:
        job = client.jobs.get(job_id)
        log_lines = client.jobs.last_words(job_id) if job.get("error") and not as_json else []
    print_result(job, as_json, record_tables.print_job)
    record_tables.print_log(log_lines)


def watch(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Show a job live until it ends; exit status 1 if it did not succeed."""
    with connect(url) as client:
        watch_job(client, job_id, as_json)


def edit(
    job_id: JobId,
    name: Annotated[str | None, typer.Option(help="Its name; '' for none.", show_default=False)] = None,
    notes: Annotated[
        str | None,
        typer.Option(help="Markdown; - reads standard input, '' is none.", show_default=False),
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="Add a tag; may be given several times.")
    ] = None,
    untag: Annotated[
        list[str] | None, typer.Option("--untag", metavar="TAG", help="Take a tag away; likewise.")
    ] = None,
    starred: Annotated[
        bool | None, typer.Option("--star/--unstar", help="Mark it as one to come back to, or not.")
    ] = None,
    archived: Annotated[
        bool | None, typer.Option("--archive/--unarchive", help="Leave it out of `pretrain jobs`, or not.")
    ] = None,
    priority: Annotated[
        int | None,
        typer.Option(
            parser=whole_number(0, 9), metavar="0-9", help="Of a job that waits.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Change a job's name, notes, tags, star, archiving or priority."""
    from client.api.resource import without_none

    if notes == str(STDIN):
        notes = decode_utf8(STDIN, read_bytes(STDIN, MAX_NOTES_BYTES))
    changes = without_none(starred=starred, archived=archived, priority=priority)
    changes |= {field: text or None for field, text in without_none(name=name, notes=notes).items()}
    if not (changes or tag or untag):
        raise UsageError("nothing to change: see pretrain edit --help")
    with connect(url) as client:
        if tag or untag:
            # The service takes all tags at once: one that somebody else adds in this moment would be lost.
            changes["tags"] = with_tags(client.jobs.get(job_id).get("tags", []), tag or [], untag or [])
        print_result(client.jobs.edit(job_id, changes), as_json, record_tables.print_job)


def with_tags(tags: list[str], added: list[str], removed: list[str]) -> list[str]:
    return [each for each in dict.fromkeys([*tags, *added]) if each not in removed]


def cancel(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Cancel a job; one that runs stops after its current step."""
    with connect(url) as client:
        print_result(client.jobs.cancel(job_id), as_json, record_tables.print_job)


def pause(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Pause a running job; it stops after its current step, with a checkpoint."""
    with connect(url) as client:
        print_result(client.jobs.pause(job_id), as_json, record_tables.print_job)


def finish(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Let a job end after its current step, with a last evaluation, sample and checkpoint."""
    with connect(url) as client:
        print_result(client.jobs.finish(job_id), as_json, record_tables.print_job)


def checkpoint(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Have a running job write a checkpoint after its current step, and go on."""
    with connect(url) as client:
        print_result(client.jobs.write_checkpoint(job_id), as_json, record_tables.print_job)


def resume(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Let a paused job go on from its last checkpoint."""
    with connect(url) as client:
        print_result(client.jobs.resume(job_id), as_json, record_tables.print_job)


def delete(
    job_id: JobId,
    checkpoint: Annotated[
        int | None,
        typer.Option(
            parser=whole_number(0), metavar="STEP", help="Only its checkpoint of that step, and keep the job."
        ),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Delete a job that has ended or is paused, with its history and its checkpoints."""
    with connect(url) as client:
        if checkpoint is not None:
            client.jobs.delete_checkpoint(job_id, checkpoint)
        else:
            client.jobs.delete(job_id)
    what = "" if checkpoint is None else f"the checkpoint of step {checkpoint} of "
    facts = {} if checkpoint is None else {"checkpoint": checkpoint}
    print_done(f"Deleted {what}{one_line(job_id)}.", as_json, id=job_id, **facts, deleted=True)
