"""A job's progress in the terminal: a live display, or plain lines for logs and pipes."""

from typing import IO, Any, Protocol, Self

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task
from rich.table import Column as TableColumn
from rich.text import Text

from client.display.formats import as_count, as_duration, as_loss, or_dash
from client.display.job_status import describe_status, steps_done
from client.display.table import console
from client.display.updates import Update
from client.http.types import JSON
from client.plain_text import one_line

# With the space before it.
MIN_BAR_WIDTH = 6


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
    """A line for every change of status, evaluation and sample."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self._last_status = ""
        self._has_outage = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        return None

    def show(self, update: Update) -> None:
        if update.outage and not self._has_outage:
            self._print(f"waiting for the service: {update.outage}")
        self._has_outage = update.outage is not None
        status = status_line(update.job)
        if status != self._last_status:
            self._print(status)
            self._last_status = status
        for kind, record in in_order(update):
            self._print(loss_line(record, update.job) if kind == "loss" else sample_line(record))

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
    """The text beside the bar; on a narrow screen only its most important parts."""

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
    for least_important in (speed_part, losses_part, epoch_part):
        if cell_len(text := " ".join(filter(None, parts.values()))) <= width:
            return text
        parts[least_important] = ""
    return parts[step_part]


def epoch_part(update: Update) -> str:
    job = update.job
    if update.outage:
        return "no answer"
    if job["status"] != "running":
        return one_line(job["status"])
    epochs = or_dash(job["spec"]["training"].get("num_epochs"))
    return f"epoch {or_dash(job['progress'].get('epoch'))}/{epochs}"


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
    records = [("loss", loss) for loss in update.losses] + [("sample", sample) for sample in update.samples]
    return sorted(records, key=lambda kind_and_record: kind_and_record[1]["step"])


def loss_line(record: JSON, job: JSON) -> str:
    step, total_steps = as_count(steps_done(record)), as_count(job["progress"].get("total_steps"))
    train_loss, val_loss = as_loss(record.get("train_loss")), as_loss(record.get("val_loss"))
    speed = f"  {record['tokens_per_s']:,.0f} tokens/s" if record.get("tokens_per_s") is not None else ""
    return (
        f"epoch {or_dash(record.get('epoch'))}  step {step}/{total_steps}  "
        f"train loss {train_loss}  validation loss {val_loss}{speed}"
    )


def sample_line(record: JSON) -> str:
    which = f" {record['index'] + 1}" if record.get("index") else ""  # of several prompts
    return f"epoch {or_dash(record.get('epoch'))}  sample{which}: {one_line(record['text'])}"


def status_line(job: JSON) -> str:
    return one_line(f"job {job['id']}: {describe_status(job)}")
