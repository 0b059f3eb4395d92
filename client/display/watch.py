"""A job while it runs: what is new since the last look, and two ways to show it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, Protocol, Self

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task
from rich.table import Column as TableColumn
from rich.text import Text

from client.display.plain_text import one_line
from client.display.render import as_count, as_duration, as_loss, console, optional
from client.http import ApiError, Client, Unreachable
from client.records import JSON, describe_status, has_ended, updates_done

POLL_S = 0.5
# A service that restarts or whose machine sleeps comes back; after this long it is taken for gone.
OUTAGE_LIMIT_S = 60

# With the space before it.
MIN_BAR_WIDTH = 6

Pause = Callable[[float], None]


@dataclass(frozen=True)
class Update:
    """One look at a job: its record, and the evaluations and samples that the last look did not have.

    outage  why this look failed, when the service could not be reached; then `job` is that of the last look
    """

    job: JSON
    losses: list[JSON]
    samples: list[JSON]
    outage: str | None = None


def follow(client: Client, job_id: str, pause: Pause = time.sleep) -> Iterator[Update]:
    """Look at the job every POLL_S until it has ended; the last update has everything.

    A service that is unreachable, or not ready, for up to OUTAGE_LIMIT_S is waited for, once it has answered.
    It is left alone for as long as it asks to be.
    raises  ApiError if there is no such job; Unreachable or ApiError when an outage lasts longer
    """
    job: JSON | None = None
    loss_step = sample_step = -1
    down_since: float | None = None
    while True:
        pause_s: float = POLL_S
        try:
            # The job first: when it has ended, what is asked for next is complete.
            job = client.job(job_id)
            losses = client.losses(job_id, since_step=loss_step)
            samples = client.samples(job_id, since_step=sample_step)
        except (Unreachable, ApiError) as error:
            if job is None or (isinstance(error, ApiError) and error.status < 500):
                raise
            down_since = down_since or time.monotonic()
            if time.monotonic() - down_since > OUTAGE_LIMIT_S:
                raise
            yield Update(job, [], [], outage=str(error).splitlines()[0])
            if isinstance(error, ApiError) and error.retry_after_s:
                pause_s = min(error.retry_after_s, OUTAGE_LIMIT_S / 2)
        else:
            down_since = None
            loss_step = losses[-1]["step"] if losses else loss_step
            sample_step = samples[-1]["step"] if samples else sample_step
            yield Update(job, losses, samples)
            if has_ended(job):
                return
        pause(pause_s)


class Display(Protocol):
    """Shows updates as they come; used in a `with` statement."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: Any) -> None: ...
    def show(self, update: Update) -> None: ...


def display_on(stream: IO[str]) -> Display:
    """A live display where `stream` is a terminal, plain lines elsewhere."""
    screen = console(stream)
    return LiveDisplay(screen) if screen.is_interactive else PlainDisplay(screen)


class PlainDisplay:
    """One line for every change of status, evaluation and sample: for logs and pipes."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self._last_status = ""
        self._down = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        return None

    def show(self, update: Update) -> None:
        if update.outage and not self._down:
            self._print(f"waiting for the service: {update.outage}")
        self._down = update.outage is not None
        for kind, row in in_order(update):
            self._print(loss_line(row, update.job) if kind == "loss" else sample_line(row))
        status = status_line(update.job)
        if status != self._last_status:
            self._print(status)
            self._last_status = status

    def _print(self, line: str) -> None:
        self._screen.print(line, soft_wrap=True)


class LiveDisplay:
    """A progress bar that stays at the bottom, and each sample printed above it."""

    def __init__(self, screen: Console) -> None:
        self._progress = Progress(StateColumn(screen), BarColumn(bar_width=None), console=screen, expand=True)
        self._bar = self._progress.add_task("", total=None, update=None)
        self._last_status = ""

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._progress.stop()

    def show(self, update: Update) -> None:
        status = status_line(update.job)
        if status != self._last_status:
            self._progress.console.print(Text(status))
            self._last_status = status
        for sample in update.samples:
            self._progress.console.print(Text(sample_line(sample)))
        progress = update.job["progress"]
        self._progress.update(
            self._bar,
            completed=progress.get("step") or 0,
            total=progress.get("total_steps"),
            update=update,
            refresh=True,
        )


class StateColumn(ProgressColumn):
    """What there is to say beside the bar; where a screen has no room for all, the most important, whole."""

    def __init__(self, screen: Console) -> None:
        super().__init__(table_column=TableColumn(no_wrap=True))
        self._screen = screen

    def render(self, task: Task) -> Text:
        update = task.fields["update"]
        return Text(
            describe_state(update, self._screen.width - MIN_BAR_WIDTH) if update else "", no_wrap=True
        )


def describe_state(update: Update, width: int) -> str:
    """Epoch or status, step, speed and losses, as many of them as `width` has room for."""
    parts = {describe: describe(update) for describe in (epoch_part, step_part, speed_part, losses_part)}
    for least in (speed_part, losses_part, epoch_part):
        if cell_len(shown := " ".join(filter(None, parts.values()))) <= width:
            return shown
        parts[least] = ""
    return parts[step_part]


def epoch_part(update: Update) -> str:
    job = update.job
    if update.outage:
        return "no answer"
    if job["status"] != "running":
        return one_line(job["status"])
    epochs = optional(job["spec"]["training"].get("num_epochs"))
    return f"epoch {optional(job['progress'].get('epoch'))}/{epochs}"


def step_part(update: Update) -> str:
    progress = update.job["progress"]
    return f"step {as_count(progress.get('step'))}/{as_count(progress.get('total_steps'))}"


def speed_part(update: Update) -> str:
    progress = update.job["progress"]
    if update.job["status"] != "running" or progress.get("tokens_per_s") is None:
        return ""
    speed, left_s = f"{progress['tokens_per_s']:,.0f} tok/s", progress.get("remaining_s")
    return speed if left_s is None else f"{speed} {as_duration(left_s)} left"


def losses_part(update: Update) -> str:
    latest = update.job.get("latest")
    if not latest:
        return ""
    return f"train {as_loss(latest.get('train_loss'))} val {as_loss(latest.get('val_loss'))}"


def in_order(update: Update) -> list[tuple[str, JSON]]:
    """Evaluations and samples by step; a step's evaluation comes before the sample after it."""
    rows = [("loss", row) for row in update.losses] + [("sample", row) for row in update.samples]
    return sorted(rows, key=lambda kind_and_row: kind_and_row[1]["step"])


def loss_line(row: JSON, job: JSON) -> str:
    speed = f"  {row['tokens_per_s']:,.0f} tokens/s" if row.get("tokens_per_s") is not None else ""
    return (
        f"epoch {optional(row.get('epoch'))}  "
        f"step {as_count(updates_done(row))}/{as_count(job['progress'].get('total_steps'))}  "
        f"train loss {as_loss(row.get('train_loss'))}  validation loss {as_loss(row.get('val_loss'))}{speed}"
    )


def sample_line(row: JSON) -> str:
    return f"epoch {optional(row.get('epoch'))}  sample: {one_line(row['text'])}"


def status_line(job: JSON) -> str:
    return one_line(f"job {job['id']}: {describe_status(job)}")
