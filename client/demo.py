"""`pretrain demo`: the lecture's job from start to end on a service of its own."""

import json
import shlex
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from client.address import Address
from client.display.chart import ASCII, loss_chart
from client.display.formats import as_count, as_duration, as_loss
from client.display.job_status import failure_of, steps_done
from client.display.messages import print_message
from client.display.streams import can_show
from client.display.updates import follow
from client.display.watch import display_on
from client.errors import ClientError
from client.files.output import write_file
from client.http.api_error import ApiError
from client.http.client import Client
from client.http.transport import Unreachable
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


def run_demo(settings: Settings, spec: JSON, *, is_port_fixed: bool, leave: bool) -> None:
    """Start a service, train `spec` on it, show what came out; then serve until Ctrl-C, unless `leave`.

    raises  ClientError if the job did not succeed or no answer was generated
    """
    with local_stack(
        settings, is_port_fixed=is_port_fixed, report=print_message, essential=ALL_SERVICES
    ) as stack:
        print(f"The service runs at {stack.url} (its documentation: {stack.url}/docs).", flush=True)
        with Client(Address(stack.url, "pretrain demo")) as client:
            job = submit_or_fall_back(client, spec)
            job = watch_until_ended(client, job["id"], stack)
            summarise(client, job, stack)
            generation = generate(client, job["id"], stack)
        print(f"\nGET /generate answers:\n  {clean(generation['text'])}")
        print(f"\nThe same with curl:\n{curl_commands(stack.url, job['id'], spec)}", flush=True)
        if not leave:
            print(f"\nThe service stays at {stack.url} until Ctrl-C.", flush=True)
            stack.supervise_until_interrupted()


def submit_or_fall_back(client: Client, spec: JSON) -> JSON:
    """Post the job; if its default text can't be fetched, with the text that comes with the project."""
    try:
        return client.submit(spec)
    except ApiError as error:
        if error.fields != {"dataset"} or "dataset" in spec:
            raise
        reason = error.errors[0].get("message", "")
    print_message(f"The job's own text is not at hand ({reason}); training on `{FALLBACK_DATASET}` instead.")
    spec["dataset"] = FALLBACK_DATASET
    return client.submit(spec)


def watch_until_ended(client: Client, job_id: str, stack: Stack) -> JSON:
    """Show the job until it has ended; its record, or ClientError if it did not succeed."""
    with display_on(sys.stdout) as display:
        for update in follow(client, job_id, sleep=stack.supervise):
            display.show(update)
    if failure := failure_of(update.job):
        raise ClientError(f"{failure}\nLogs: {one_line(stack.log_dir)}")
    return update.job


def summarise(client: Client, job: JSON, stack: Stack) -> None:
    """Write the loss plot into the data folder, and print the losses and a sample."""
    losses = client.losses(job["id"])
    samples = client.samples(job["id"])
    latest, best = job["latest"], job["best"]
    chart = loss_chart(losses)
    print(f"\n{chart if can_show(chart, sys.stdout) else loss_chart(losses, ASCII)}\n")
    print(f"  train loss       {as_loss(latest['train_loss'])} at the end")
    print(f"  validation loss  {as_loss(latest['val_loss'])} at the end")
    print(f"  best validation  {as_loss(best['val_loss'])} after step {as_count(steps_done(best))}")
    print(f"  time             {as_duration(training_time_s(job))}")
    for path in write_plots(client, job["id"], stack.data_dir / "demo"):
        print(f"  loss plot        {path}")
    if samples:
        print(f"\nThe last sample:\n  {clean(samples[-1]['text'])}", flush=True)


def write_plots(client: Client, job_id: str, folder: Path) -> list[Path]:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise ClientError(f"cannot make {one_line(folder)}: {error.strerror}") from error
    paths = []
    for image_format in ("png", "svg"):
        path = folder / f"losses.{image_format}"
        write_file(path, client.loss_plot(job_id, image_format))
        paths.append(path)
    return paths


def training_time_s(job: JSON) -> float:
    """Seconds from a finished job's first claim to its end."""
    started, finished = (datetime.fromisoformat(job[name]) for name in ("started_at", "finished_at"))
    return (finished - started).total_seconds()


def generate(client: Client, job_id: str, stack: Stack) -> JSON:
    """Ask for a completion; while the generation worker is away, a few times."""
    request = {"job_id": job_id, "prompt": PROMPT}
    for _ in range(GENERATE_ATTEMPTS - 1):
        try:
            return client.generate(request)
        except (ApiError, Unreachable) as error:
            if isinstance(error, ApiError) and error.status != 503:
                raise
            print_message(f"No answer yet ({error}); asking again.")
        stack.supervise(RETRY_S)
    return client.generate(request)


def curl_commands(url: str, job_id: str, spec: JSON) -> str:
    query = urlencode({"job_id": job_id, "prompt": PROMPT})
    commands: list[list[Any]] = [
        ["-d", json.dumps(spec), "-H", "Content-Type: application/json", f"{url}/jobs"],
        [f"{url}/jobs/{job_id}"],
        [f"{url}/jobs/{job_id}/losses"],
        [f"{url}/jobs/{job_id}/samples"],
        [f"{url}/generate?{query}"],
    ]
    return "\n".join("  curl " + shlex.join(arguments) for arguments in commands)
