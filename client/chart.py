"""The loss plot in the terminal."""

from collections.abc import Sequence

from client.records import JSON

TRAIN, VALIDATION = "●", "○"


def loss_chart(losses: Sequence[JSON], width: int = 60, height: int = 12) -> str:
    """Both losses over the steps, as lines of text; "" without losses.

    losses  rows with `step`, `epoch`, `train_loss` and `val_loss`, in order of their steps
    width, height  of the plotting area, in characters
    """
    if not losses:
        return ""
    values = [row[name] for row in losses for name in ("train_loss", "val_loss")]
    low, high = min(values), max(values)
    last_step = losses[-1]["step"]
    grid = [[" "] * width for _ in range(height)]
    for row in losses:
        column = scale(row["step"], 0, last_step, width)
        for name, mark in (("val_loss", VALIDATION), ("train_loss", TRAIN)):
            grid[height - 1 - scale(row[name], low, high, height)][column] = mark
    labels = {0: f"{high:.2f}", height // 2: f"{(low + high) / 2:.2f}", height - 1: f"{low:.2f}"}
    lines = [f"{labels.get(i, ''):>7} ┤{''.join(cells)}".rstrip() for i, cells in enumerate(grid)]
    ends = f"step {losses[0]['step']}", f"step {last_step} (epoch {losses[-1]['epoch']})"
    return "\n".join(
        [
            f"{'':8} {TRAIN} train loss   {VALIDATION} validation loss",
            *lines,
            f"{'':8}└{'─' * width}",
            f"{'':9}{ends[0]}{ends[1]:>{width - len(ends[0])}}",
        ]
    )


def scale(value: float, low: float, high: float, cells: int) -> int:
    """The cell, from 0, in which `value` lies when `low` to `high` is cut into `cells`."""
    if high == low:
        return 0
    return min(int((value - low) / (high - low) * cells), cells - 1)
