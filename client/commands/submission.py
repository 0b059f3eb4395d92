"""Commands that a spec goes into: submit, estimate, fork."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from client.commands.completion import complete_preset
from client.commands.options import AsJson, Assignments, JobId, Url, connect
from client.commands.watching import watch_job
from client.display import record_tables
from client.display.estimate_table import print_estimate
from client.display.messages import print_result
from client.errors import ClientError, UsageError, describe_field_error

if TYPE_CHECKING:
    from client.api.pretrain import Pretrain

SpecFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="SPEC",
        help="A .json, .toml or .yaml file, or - for standard input; none: the lecture's job.",
    ),
]


From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="ID|PRESET",
        help="Begin with the spec of this job, or with this preset, in place of SPEC.",
        autocompletion=complete_preset,
    ),
]


def submit(
    spec: SpecFile = None,
    start: From = None,
    assignments: Assignments = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show the job until it ends.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Submit a training job."""
    with connect(url) as client:
        job = client.jobs.submit(spec_of(client, spec, start, assignments or []))
        if watch:
            watch_job(client, job["id"], as_json)
        else:
            print_result(job, as_json, record_tables.print_job)


def estimate(
    spec: SpecFile = None,
    start: From = None,
    assignments: Assignments = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Show what a job would take, without submitting it; exit status 1 if it would be refused."""
    with connect(url) as client:
        estimated = client.jobs.estimate(spec_of(client, spec, start, assignments or []))
    print_result(estimated, as_json, print_estimate)
    if not estimated["fits"]:
        raise ClientError(
            "\n".join(["it would be refused", *map(describe_field_error, estimated["reasons"])])
        )


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

    changes = build_spec(None, assignments or [])
    with connect(url) as client:
        job = client.jobs.fork(
            job_id,
            checkpoint=int(checkpoint) if is_step(checkpoint) else checkpoint,
            with_optimizer=not without_optimizer,
            spec=changes,
        )
        if watch:
            watch_job(client, job["id"], as_json)
        else:
            print_result(job, as_json, record_tables.print_job)


def spec_of(
    client: "Pretrain", file: Path | None, start: str | None, assignments: list[str]
) -> dict[str, Any]:
    """What a file, or a job or a preset, and `--set` make together. raises  UsageError"""
    from client.spec.assignments import build_spec
    from jobs.spec.presets import PRESETS

    if start is None:
        return build_spec(file, assignments)
    if file is not None:
        raise UsageError("give a SPEC or --from, not both; --set changes either")
    base = {"preset": start} if start in PRESETS else dict(client.jobs.get(start)["spec"])
    return build_spec(None, assignments, base)


def is_step(checkpoint: str) -> bool:
    return checkpoint.isascii() and checkpoint.isdigit() and len(checkpoint) < 19
