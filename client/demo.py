"""`pretrain demo`: the lecture's job from start to end on a service of its own."""

import json
import shlex
import sys
from contextlib import redirect_stdout
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from client.address import Address
from client.api.pretrain import Pretrain
from client.api.statuses import failure_of
from client.display.chart import print_chart
from client.display.formats import as_count, as_duration, as_loss
from client.display.job_status import steps_done
from client.display.messages import print_json, print_message
from client.display.updates import follow
from client.display.watch import display_on
from client.errors import ApiError, ClientError, Unreachable
from client.files.output import write_file
from client.http.types import JSON
from client.local.services import ALL_SERVICES
from client.local.stack import Stack
from client.local.start import local_stack
from client.plain_text import clean, one_line
from jobs.settings import Settings

PROMPT = "Every effort moves you"
FALLBACK_DATASET = "sample"
GENERATE_ATTEMPTS = 3
RETRY_S = 2


def run_demo(
    settings: Settings, spec: dict[str, Any], *, is_port_fixed: bool, leave: bool, as_json: bool
) -> None:
    """Start a service, train `spec` on it, show what came out; then serve until Ctrl-C, unless `leave`.

    as_json  what people read goes to standard error, and to standard output the records of the job and of the
             answer
    raises   ClientError if the job did not succeed or no answer was generated
    """
    with local_stack(
        settings, is_port_fixed=is_port_fixed, report=print_message, essential=ALL_SERVICES
    ) as stack:
        with redirect_stdout(sys.stderr if as_json else sys.stdout):
            job, generation = train_and_ask(stack, spec)
        if as_json:
            print_json({"job": job, "generation": generation})
            sys.stdout.flush()
        if leave:
            return

        def announce() -> None:
            with redirect_stdout(sys.stderr if as_json else sys.stdout):
                print(f"\nThe service stays at {stack.url} until Ctrl-C.", flush=True)

        stack.supervise_until_interrupted(announce)


def train_and_ask(stack: Stack, spec: dict[str, Any]) -> tuple[JSON, JSON]:
    """Show all of it as it happens; the records of the job and of the answer."""
    print(f"The service runs at {stack.url}: open it in a browser (its API: {stack.url}/docs).", flush=True)
    stack.wait_until_ready()
    with Pretrain(Address(stack.url, "pretrain demo")) as client:
        job = submit_or_fall_back(client, spec)
        job = watch_until_ended(client, job["id"], stack)
        summarise(client, job, stack)
        generation = generate(client, job["id"], stack)
    print(f"\nGET /generate answers:\n  {clean(generation['text'])}")
    print(f"\nThe same with curl:\n{curl_commands(stack.url, job['id'], spec)}", flush=True)
    return job, generation


def submit_or_fall_back(client: Pretrain, spec: dict[str, Any]) -> JSON:
    """Post the job; if its default text can't be fetched, with the text that comes with the project."""
    try:
        return client.jobs.submit(spec)
    except ApiError as error:
        if error.fields != {"dataset"} or "dataset" in spec:
            raise
        reason = error.errors[0].get("message", "")
    print_message(f"The job's own text is not at hand ({reason}); training on `{FALLBACK_DATASET}` instead.")
    spec["dataset"] = FALLBACK_DATASET
    return client.jobs.submit(spec)


def watch_until_ended(client: Pretrain, job_id: str, stack: Stack) -> JSON:
    """Show the job until it has ended; its record, or ClientError if it did not succeed."""
    with display_on(sys.stdout) as display:
        for update in follow(client, job_id, sleep=stack.supervise):
            display.show(update)
    if failure := failure_of(update.job):
        raise ClientError(f"{failure}\nLogs: {one_line(stack.log_dir)}")
    return update.job


def summarise(client: Pretrain, job: JSON, stack: Stack) -> None:
    """Write the loss plot into the data folder, and print the losses and a sample."""
    losses = client.jobs.losses(job["id"])
    samples = client.jobs.samples(job["id"])
    latest, best = job["latest"], job["best"]
    print()
    print_chart(losses)
    print()
    print(f"  train loss       {as_loss(latest['train_loss'])} at the end")
    print(f"  validation loss  {as_loss(latest['val_loss'])} at the end")
    print(f"  best validation  {as_loss(best['val_loss'])} after step {as_count(steps_done(best))}")
    print(f"  time             {as_duration(training_time_s(job))}")
    for path in write_plots(client, job["id"], stack.data_dir / "demo"):
        print(f"  loss plot        {path}")
    if samples:
        print(f"\nThe last sample:\n  {clean(samples[-1]['text'])}", flush=True)


def write_plots(client: Pretrain, job_id: str, folder: Path) -> list[Path]:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise ClientError(f"cannot make {one_line(folder)}: {error.strerror}") from error
    paths = []
    for image_format in ("png", "svg"):
        path = folder / f"losses.{image_format}"
        write_file(path, client.jobs.loss_plot(job_id, image_format))
        paths.append(path)
    return paths


def training_time_s(job: JSON) -> float:
    """Seconds from a finished job's first claim to its end."""
    started, finished = (datetime.fromisoformat(job[name]) for name in ("started_at", "finished_at"))
    return (finished - started).total_seconds()


def generate(client: Pretrain, job_id: str, stack: Stack) -> JSON:
    """Ask for a completion; while the generation worker is away, a few times."""
    for _ in range(GENERATE_ATTEMPTS - 1):
        try:
            return client.generate(PROMPT, job_id=job_id)
        except (ApiError, Unreachable) as error:
            if isinstance(error, ApiError) and error.status != 503:
                raise
            print_message(f"No answer yet ({error}); asking again.")
        stack.supervise(RETRY_S)
    return client.generate(PROMPT, job_id=job_id)


def curl_commands(url: str, job_id: str, spec: dict[str, Any]) -> str:
    query = urlencode({"job_id": job_id, "prompt": PROMPT})
    commands: list[list[Any]] = [
        ["-d", json.dumps(spec), "-H", "Content-Type: application/json", f"{url}/jobs"],
        [f"{url}/jobs/{job_id}"],
        [f"{url}/jobs/{job_id}/losses"],
        [f"{url}/jobs/{job_id}/samples"],
        [f"{url}/generate?{query}"],
    ]
    return "\n".join("  curl " + shlex.join(arguments) for arguments in commands)
