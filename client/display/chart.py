"""The loss plot in the terminal."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from client.display.job_status import steps_done
from client.display.messages import print_message
from client.display.streams import can_show
from client.display.table import console
from client.http.types import JSON

# In the order of drawing: the later covers the earlier.
LOSSES = ("val_loss", "train_loss")


@dataclass(frozen=True)
class Marks:
    """The characters that a chart is drawn with."""

    train: str
    validation: str
    axis: str
    corner: str
    floor: str


UNICODE = Marks("●", "○", "┤", "└", "─")
ASCII = Marks("*", "o", "|", "+", "-")
LABELS_WIDTH = 9
MIN_WIDTH, MAX_WIDTH = 20, 120


def print_chart(losses: Sequence[JSON]) -> None:
    """Draw both losses on standard output, as wide as it is and in characters that it has."""
    if not losses:
        print_message("There are no losses yet: the first come after the first step.")
        return
    width = min(max(console(sys.stdout).width - LABELS_WIDTH, MIN_WIDTH), MAX_WIDTH)
    chart = loss_chart(losses, width=width)
    print(chart if can_show(chart, sys.stdout) else loss_chart(losses, ASCII, width=width))


def loss_chart(losses: Sequence[JSON], marks: Marks = UNICODE, width: int = 60, height: int = 12) -> str:
    """Both losses over optimizer steps, as lines of text; "" without losses.

    losses  with `step`, `epoch`, `train_loss` and `val_loss`, in order of their steps; null is not drawn
    width, height  of the plotting area, in characters
    """
    values = [loss for evaluation in losses for name in LOSSES if (loss := evaluation.get(name)) is not None]
    if not values:
        return ""
    low, high = min(values), max(values)
    last_step = losses[-1]["step"]
    grid = [[" "] * width for _ in range(height)]
    for evaluation in losses:
        column = scale(evaluation["step"], 0, last_step, width)
        for name, mark in zip(LOSSES, (marks.validation, marks.train), strict=True):
            if (loss := evaluation.get(name)) is not None:
                grid[height - 1 - scale(loss, low, high, height)][column] = mark
    labels = {0: f"{high:.2f}", height // 2: f"{(low + high) / 2:.2f}", height - 1: f"{low:.2f}"}
    lines = [f"{labels.get(i, ''):>7} {marks.axis}{''.join(cells)}".rstrip() for i, cells in enumerate(grid)]
    ends = f"step {steps_done(losses[0])}", f"step {last_step + 1} (epoch {losses[-1]['epoch']})"
    return "\n".join(
        [
            f"{'':8} {marks.train} train loss   {marks.validation} validation loss",
            *lines,
            f"{'':8}{marks.corner}{marks.floor * width}",
            f"{'':9}{ends[0]}{ends[1]:>{width - len(ends[0])}}",
        ]
    )


def scale(value: float, low: float, high: float, cells: int) -> int:
    """The cell, from 0, in which `value` lies when `low` to `high` is cut into `cells`."""
    if high == low:
        return 0
    return min(int((value - low) / (high - low) * cells), cells - 1)
