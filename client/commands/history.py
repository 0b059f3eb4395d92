"""Commands for a job's history: losses, log, samples, checkpoints."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from client.commands.numbers import whole_number
from client.commands.optional_value import NO_VALUE
from client.commands.options import AsJson, JobId, Url, connect
from client.display import record_tables
from client.display.chart import print_chart
from client.display.messages import print_json, print_message, print_result, print_text
from client.errors import UsageError
from client.files.output import is_stdout, is_stream, write_file
from client.plain_text import one_line

TERMINAL = Path(NO_VALUE)
"""Where `--plot` goes without a FILE."""
PLOTTED_POINTS = 1000
FORMATS: dict[str, Literal["png", "svg"]] = {".png": "png", ".svg": "svg"}


def losses(
    job_id: JobId,
    csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="[FILE]",
            help="Draw the losses in the terminal; or write their plot to a .png or .svg, over one that is "
            "there; - is standard output.",
        ),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Print a job's losses, or plot them. STEP counts updates from 0."""
    if csv and as_json:
        raise UsageError("--csv and --json exclude each other")
    if plot == TERMINAL:
        if csv or as_json:
            raise UsageError("--plot without a FILE excludes --csv and --json")
        with connect(url) as client:
            print_chart(client.jobs.losses(job_id, max_points=PLOTTED_POINTS))
        return
    plot = Path("/dev/stdout") if plot == Path("-") else plot
    image_format = plot_format(plot, is_only_output=not (csv or as_json)) if plot else None
    with connect(url) as client:
        if plot and image_format:
            write_file(plot, client.jobs.loss_plot(job_id, image_format))
            if not is_stdout(plot):
                print_message(f"Wrote {plot}.")
        if csv:
            sys.stdout.write(client.jobs.losses_csv(job_id))
        elif as_json:
            print_json(client.jobs.losses(job_id))
        elif not plot:
            record_tables.print_losses(client.jobs.losses(job_id))


def log(
    job_id: JobId,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is written, until the job has ended.")
    ] = False,
    tail: Annotated[
        int | None,
        typer.Option(
            parser=whole_number(1, 100_000), metavar="N", help="Only the last N lines.", show_default=False
        ),
    ] = None,
    attempt: Annotated[
        int | None,
        typer.Option(
            parser=whole_number(1, 2**31 - 1),
            metavar="N",
            help="Only what the trainer of this attempt wrote.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Print what a job's trainers wrote."""
    if as_json and follow:
        raise UsageError("--json and --follow exclude each other")
    with connect(url) as client:
        part = client.jobs.log(job_id, attempt=attempt, tail=tail)
        if as_json:
            print_json(asdict(part))
            return
        print_text(part.text)
        if follow:
            from client.display.log_updates import follow_log

            for text in follow_log(client, job_id, part, one_attempt=attempt is not None):
                print_text(text)


def samples(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Print the texts that a job wrote."""
    with connect(url) as client:
        print_result(client.jobs.samples(job_id), as_json, record_tables.print_samples)


def checkpoints(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """List a job's checkpoints."""
    with connect(url) as client:
        print_result(client.jobs.checkpoints(job_id), as_json, record_tables.print_checkpoints)


def plot_format(plot: Path, *, is_only_output: bool) -> Literal["png", "svg"]:
    """The image format for the plot's file, by its suffix; PNG for a device or a pipe. UsageError otherwise.

    is_only_output  whether nothing else goes to standard output
    """
    if is_stdout(plot):
        if sys.stdout.isatty():
            raise UsageError(
                "--plot: a picture can't be shown on a terminal: give a file, or redirect the output"
            )
        if not is_only_output:
            raise UsageError("--plot to standard output excludes --csv and --json")
    if image_format := FORMATS.get(plot.suffix.lower()):
        return image_format
    if is_stream(plot):
        return "png"
    raise UsageError(f"--plot {one_line(plot)}: the plot is a .png or .svg file")
