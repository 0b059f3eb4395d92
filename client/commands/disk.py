"""Commands for disk space: disk, prune."""

import re
import sys
from functools import partial
from typing import Annotated

import typer

from client.commands.numbers import whole_number
from client.commands.options import AsJson, Url, connect
from client.display.disk_tables import print_disk, print_pruned
from client.display.formats import as_size
from client.display.messages import print_message, print_result
from client.errors import UsageError
from jobs.validation.quoting import quoted

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
DURATION = re.compile(r"([0-9]{1,9})([smhdw])")
KEPT = ("last", "best", "optimizer")
NOTHING = "none"


def disk(
    limit: Annotated[
        int, typer.Option(parser=whole_number(1, 1000), metavar="N", help="How many jobs, at most.")
    ] = 20,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Show what takes the disk's space, and what could be freed."""
    with connect(url) as client:
        print_result(client.disk(limit=limit), as_json, print_disk)


def prune(
    keep: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="What each job keeps, with commas between: last, best, optimizer (to go on from); or none.",
        ),
    ] = "last,best",
    status: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Only jobs that ended so: succeeded, failed, cancelled."),
    ] = None,
    older: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only jobs that ended so long ago: 12h, 30d, 2w.")
    ] = None,
    archived: Annotated[
        bool | None, typer.Option("--archived/--not-archived", help="Only jobs that are archived, or not.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be deleted.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Delete checkpoints and optimizers' states that ended jobs do not need; starred jobs keep all."""
    with connect(url) as client:
        prune = partial(
            client.prune,
            keep=names_of(keep, "--keep"),
            status=None if status is None else names_of(status, "--status"),
            older_s=None if older is None else seconds_of(older),
            archived=archived,
        )
        if dry_run or not yes:
            planned = prune(dry_run=True)
            if dry_run or not planned["data"]:
                print_result(planned, as_json, print_pruned)
                return
            print_pruned(planned, file=sys.stderr)
            confirm(f"Delete these {as_size(planned['bytes'])} for good?")
        pruned = prune()
    print_result(pruned, as_json, print_pruned)


def names_of(text: str, option: str) -> list[str]:
    """The names in a text with commas between them; what is no name the service refuses."""
    if option == "--keep" and text == NOTHING:
        return []
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise UsageError(f"{option} {quoted(text)}: write names with commas between them")
    return names


def seconds_of(text: str) -> int:
    """`30d` in seconds. raises UsageError"""
    duration = DURATION.fullmatch(text)
    if duration is None:
        raise UsageError(f"--older {quoted(text)}: write a number and a unit: s, m, h, d or w, such as 30d")
    return int(duration[1]) * SECONDS[duration[2]]


def confirm(question: str) -> None:
    """Ask on standard error. raises UsageError where nobody can answer, and ends the command unless it is
    yes"""
    if not sys.stdin.isatty():
        raise UsageError("standard input is no terminal to ask on: give --yes, or --dry-run to look first")
    if not typer.confirm(question, err=True):
        print_message("Nothing was deleted.")
        raise typer.Exit(1)
