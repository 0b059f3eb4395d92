"""The commands. Results go to stdout, messages to stderr.

HTTP, settings and the local stack are imported by the commands that need them: `--help` comes at once.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from client.display import tables
from client.display.plain_text import clean, one_line
from client.display.render import complain, print_json
from client.errors import ClientError, UsageError
from client.numbers import number, whole_number
from client.output_file import is_stdout, is_stream, write_file
from client.records import failure_of
from jobs.spec.quoting import quoted

if TYPE_CHECKING:
    from client.http import Client
    from jobs.settings import Settings

app = typer.Typer(
    name="pretrain",
    help="Pre-train GPT models from scratch and see them learn.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
datasets_app = typer.Typer(help="Texts to train on.", no_args_is_help=True)
app.add_typer(datasets_app, name="datasets")


def or_before(context: typer.Context, parameter: typer.CallbackParam, value: Any) -> Any:
    """The option's value here, or the one before the command: `pretrain --json jobs`."""
    return context.find_root().params.get(str(parameter.name)) if value in (None, False) else value


AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print machine-readable output.", callback=or_before, show_default=False),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url", metavar="URL", help="The service, if not the one of `pretrain up`.", callback=or_before
    ),
]
JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id.")]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Set a field of the spec; may be given several times."),
]
Port = Annotated[
    int | None,
    typer.Option(
        parser=whole_number(0, 65535),
        metavar="PORT",
        help="Port of the API; without it 8000, or a free one.",
        show_default=False,
    ),
]
Host = Annotated[
    str | None,
    typer.Option(help="Address that the API listens on; without it 127.0.0.1.", show_default=False),
]


@app.callback()
def options(as_json: AsJson = False, url: Url = None) -> None:
    """Pre-train GPT models from scratch and see them learn."""


@app.command()
def up(port: Port = None, host: Host = None) -> None:
    """Run the whole service on this machine, until Ctrl-C."""
    from client.local.stack import local_stack

    settings, port_asked_for = stack_settings(port, host)
    with local_stack(settings, port_asked_for=port_asked_for, say=complain) as stack:
        print(stack.describe(), flush=True)
        stack.serve_until_interrupted()


@app.command()
def demo(
    leave: Annotated[bool, typer.Option("--exit", help="Stop the service after the answer.")] = False,
    spec: Annotated[Path | None, typer.Option(help="Train this spec, not the lecture's job.")] = None,
    assignments: Assignments = None,
    port: Port = None,
    host: Host = None,
) -> None:
    """Run the service, train the lecture's job on it, show what came out, and keep the service running."""
    from client.demo import run_demo
    from client.spec.build import build_spec

    job_spec = build_spec(spec, assignments or [])
    settings, port_asked_for = stack_settings(port, host)
    run_demo(settings, job_spec, port_asked_for=port_asked_for, leave=leave)


@app.command()
def submit(
    spec: Annotated[
        Path | None,
        typer.Argument(metavar="SPEC", help="A .json, .toml or .yaml file; none: the lecture's job."),
    ] = None,
    assignments: Assignments = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show the job until it ends.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Submit a training job."""
    from client.spec.build import build_spec

    job_spec = build_spec(spec, assignments or [])
    with connect(url) as client:
        job = client.submit(job_spec)
        if watch:
            watch_job(client, job["id"], as_json)
        else:
            output(job, as_json, tables.print_job)


@app.command(name="jobs")
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
    output(page["data"], as_json, tables.print_jobs)
    if page["has_more"]:
        complain("There are more jobs; see --limit.")


@app.command()
def show(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Show a job; if it failed, with the last lines of its log."""
    with connect(url) as client:
        job = client.job(job_id)
        log_lines = client.logs(job_id) if job.get("error") and not as_json else []
    output(job, as_json, tables.print_job)
    tables.print_log(log_lines)


@app.command()
def watch(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Show a job live until it ends; exit status 1 if it did not succeed."""
    with connect(url) as client:
        watch_job(client, job_id, as_json)


@app.command()
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
    image_format = plot_format(plot, alone=not (csv or as_json)) if plot else None
    with connect(url) as client:
        if plot and image_format:
            write_file(plot, client.loss_plot(job_id, image_format))
            if not is_stdout(plot):
                complain(f"Wrote {plot}.")
        if csv:
            sys.stdout.write(client.losses_csv(job_id))
        elif as_json:
            print_json(client.losses(job_id))
        elif not plot:
            tables.print_losses(client.losses(job_id))


@app.command()
def samples(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Print the texts that a job wrote."""
    with connect(url) as client:
        rows = client.samples(job_id)
    output(rows, as_json, tables.print_samples)


@app.command()
def checkpoints(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """List a job's checkpoints."""
    with connect(url) as client:
        rows = client.checkpoints(job_id)
    output(rows, as_json, tables.print_checkpoints)


@app.command()
def generate(
    job_and_prompt: Annotated[
        list[str],
        typer.Argument(metavar="[ID] PROMPT", help="The prompt; before it a job's id, else the newest job."),
    ],
    checkpoint: Annotated[str | None, typer.Option(help="last, best or a step.")] = None,
    max_new_tokens: Annotated[
        int | None, typer.Option(parser=whole_number(), metavar="N", help="Tokens to generate.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(parser=number, metavar="X", help="0 always takes the likeliest token.")
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(parser=whole_number(), metavar="K", help="Draw among the k likeliest tokens."),
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(
            parser=number, metavar="P", help="Draw among the likeliest with this total probability."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(parser=whole_number(), metavar="N", help="Makes draws repeatable.")
    ] = None,
    stop: Annotated[
        list[str] | None, typer.Option(help="End before this text; may be given several times.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Let a model complete a prompt."""
    from client.http import given

    if len(job_and_prompt) > 2:
        raise UsageError("give a prompt, or a job's id and a prompt; quote a prompt of several words")
    *job_id, prompt = job_and_prompt
    request = given(
        job_id=job_id[0] if job_id else None,
        prompt=prompt,
        checkpoint=checkpoint,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seed,
        stop=stop,
    )
    with connect(url) as client:
        answer = client.generate(request)
    output(answer, as_json, lambda answer: print(clean(answer["text"])))
    if answer.get("prompt_truncated"):
        complain("The prompt is longer than the model's context: only its end was read.")
    if answer.get("finish_reason") == "timeout":
        complain("The text is not complete: the service's time for an answer was over.")


@app.command()
def cancel(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Cancel a job; one that runs stops after its current step."""
    with connect(url) as client:
        output(client.cancel(job_id), as_json, tables.print_job)


@app.command()
def pause(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Pause a running job; it stops after its current step, with a checkpoint."""
    with connect(url) as client:
        output(client.pause(job_id), as_json, tables.print_job)


@app.command()
def resume(job_id: JobId, as_json: AsJson = False, url: Url = None) -> None:
    """Let a paused job go on from its last checkpoint."""
    with connect(url) as client:
        output(client.resume(job_id), as_json, tables.print_job)


@app.command()
def delete(job_id: JobId, url: Url = None) -> None:
    """Delete a job that has ended or is paused, with its history and its checkpoints."""
    with connect(url) as client:
        client.delete(job_id)
    complain(f"Deleted {one_line(job_id)}.")


@datasets_app.command(name="add")
def add_dataset(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A text file in UTF-8.")],
    name: Annotated[str | None, typer.Option(help="Its name; without it the file's.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Store a text of your own to train on, and print its id."""
    from client.upload import upload_text

    with connect(url) as client:
        dataset, remarks = upload_text(client, file, name)
    output(dataset, as_json, lambda dataset: print(one_line(dataset["id"])))
    for remark in remarks:
        complain(remark)


@datasets_app.command(name="list")
def list_datasets(as_json: AsJson = False, url: Url = None) -> None:
    """List the texts that jobs can train on."""
    with connect(url) as client:
        rows = client.datasets()
    output(rows, as_json, tables.print_datasets)


def connect(url: str | None) -> "Client":
    from client.environment import find_service
    from client.http import Client

    return Client(find_service(url))


def output(value: Any, as_json: bool, print_it: Callable[[Any], None]) -> None:
    """Print a result as JSON, or as `print_it` does for people."""
    if as_json:
        print_json(value)
    else:
        print_it(value)


def watch_job(client: "Client", job_id: str, as_json: bool) -> None:
    """Show the job until it ends, with `as_json` on stderr, so that stdout holds the record alone."""
    from client.display.watch import display_on, follow

    try:
        with display_on(sys.stderr if as_json else sys.stdout) as display:
            for update in follow(client, job_id):
                display.show(update)
    except KeyboardInterrupt:
        complain(f"Job {one_line(job_id)} goes on.")
        raise
    if as_json:
        output(update.job, as_json, tables.print_job)
    if failure := failure_of(update.job):
        raise ClientError(failure)


def plot_format(plot: Path, *, alone: bool) -> str:
    """The image format that a plot's file asks for; PNG for what is no file. UsageError for any other.

    alone  whether nothing else goes to standard output
    """
    if is_stdout(plot):
        if sys.stdout.isatty():
            raise UsageError(
                "--plot: a picture can't be shown on a terminal: give a file, or redirect the output"
            )
        if not alone:
            raise UsageError("--plot to standard output excludes --csv and --json")
    suffix = plot.suffix.lower().removeprefix(".")
    if suffix in ("png", "svg"):
        return suffix
    if is_stream(plot):
        return "png"
    raise UsageError(f"--plot {one_line(plot)}: the plot is a .png or .svg file")


def stack_settings(port: int | None, host: str | None) -> tuple["Settings", bool]:
    """The settings with the command line's on top, and whether someone asked for that very port."""
    from client.environment import is_host, read_settings

    settings = read_settings()
    asked_for = port is not None or "port" in settings.model_fields_set
    if host is not None and not is_host(host):
        raise UsageError(f"--host: {quoted(host)} is no address and no name of this machine")
    chosen = {"port": settings.port if port is None else port, "host": host or settings.host}
    return settings.model_copy(update=chosen), asked_for
