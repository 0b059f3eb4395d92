"""Commands for a job's history: losses, samples, checkpoints."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from client.commands.options import AsJson, JobId, Url, connect
from client.display import record_tables
from client.display.messages import print_json, print_message, print_result
from client.errors import UsageError
from client.files.output import is_stdout, is_stream, write_file
from client.plain_text import one_line


def losses(
    job_id: JobId,
    csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the loss plot to a .png or .svg, over one that is there; - is standard output.",
        ),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Print a job's losses, or write their plot. STEP counts updates from 0."""
    if csv and as_json:
        raise UsageError("--csv and --json exclude each other")
    plot = Path("/dev/stdout") if plot == Path("-") else plot
    image_format = plot_format(plot, is_only_output=not (csv or as_json)) if plot else None
    with connect(url) as client:
        if plot and image_format:
            write_file(plot, client.loss_plot(job_id, image_format))
            if not is_stdout(plot):
                print_message(f"Wrote {plot}.")
        if csv:
            sys.stdout.write(client.losses_csv(job_id))
        elif as_json:
            print_json(client.losses(job_id))
        elif not plot:
            record_tables.print_losses(client.losses(job_id))


def samples(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Print the texts that a job wrote."""
    with connect(url) as client:
        print_result(client.samples(job_id), as_json, record_tables.print_samples)


def checkpoints(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """List a job's checkpoints."""
    with connect(url) as client:
        print_result(client.checkpoints(job_id), as_json, record_tables.print_checkpoints)


def plot_format(plot: Path, *, is_only_output: bool) -> str:
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
    suffix = plot.suffix.lower().removeprefix(".")
    if suffix in ("png", "svg"):
        return suffix
    if is_stream(plot):
        return "png"
    raise UsageError(f"--plot {one_line(plot)}: the plot is a .png or .svg file")
