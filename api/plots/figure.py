"""The lecture's plot. Figures are made without pyplot, whose state all threads would share."""

import io
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Literal, cast

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from api.plots.fonts import drawable, families, is_blank
from api.plots.plotter import PlottedRow
from jobs.spec.quoting import CUT

SIZE_INCHES = (8, 5)
DOTS_PER_INCH = 120
MARGINS = {"left": 0.1, "right": 0.97, "bottom": 0.12, "top": 0.81}
"""Shares of the picture. To have Matplotlib find them would double the time that it takes."""
FEW_ROWS = 40
"""Up to so many evaluations each is marked; more would hide the line."""
TRAIN_COLOUR, VALIDATION_COLOUR = "#1f6fb4", "#d9541e"
INK, GRID = "#333333", "#dddddd"

STYLE: dict[Any, Any] = {
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "pretrain",  # else equal plots differ in the ids of their parts
}


def title_of(name: str | None, job_id: str) -> str:
    """A job's name, or its id where nothing would be seen of that."""
    return job_id if name is None or is_blank(name) else name


def draw_losses(
    title: str, rows: Sequence[PlottedRow], tokens_per_epoch: int, image_format: Literal["png", "svg"]
) -> bytes:
    """Train and validation loss over epochs, with the tokens seen on the upper axis, as an image file.

    For one thread of a process: Matplotlib's style, fonts and caches are all threads'.

    rows              evaluations in order; there may be none
    tokens_per_epoch  tokens that a whole epoch trains on
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH)
        figure.subplots_adjust(**MARGINS)
        axes = figure.add_subplot()
        plot_rows(axes, rows, tokens_per_epoch)
        label(axes, title, tokens_per_epoch)
        image = io.BytesIO()
        figure.savefig(image, format=image_format, metadata={"Date": None} if image_format == "svg" else None)
    return image.getvalue()


def plot_rows(axes: Axes, rows: Sequence[PlottedRow], tokens_per_epoch: int) -> None:
    if not rows:
        axes.text(0.5, 0.5, "no evaluation yet", transform=axes.transAxes, ha="center", va="center")
        axes.set(xlim=(0, 1), yticks=[])
        return
    epochs = [row.tokens_seen / tokens_per_epoch for row in rows]
    marker = "o" if len(rows) <= FEW_ROWS else None
    axes.plot(
        epochs,
        [row.train_loss for row in rows],
        color=TRAIN_COLOUR,
        marker=marker,
        markersize=4,
        label="Training loss",
    )
    axes.plot(
        epochs,
        [row.val_loss for row in rows],
        color=VALIDATION_COLOUR,
        linestyle="--",
        marker=marker,
        markersize=4,
        label="Validation loss",
    )
    axes.set_xlim(0, 1.02 * epochs[-1])
    axes.set_ylim(0, 1.06 * max(max(row.train_loss, row.val_loss) for row in rows))
    axes.legend(frameon=False)


def label(axes: Axes, title: str, tokens_per_epoch: int) -> None:
    set_title(axes, title)
    axes.set_xlabel("Epochs")
    axes.set_ylabel("Loss (nats per token)")
    if axes.get_xlim()[1] > 2:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(color=GRID, linewidth=0.8)
    axes.spines["right"].set_visible(False)

    def as_tokens(epochs: Any) -> Any:
        return epochs * tokens_per_epoch

    def as_epochs(tokens: Any) -> Any:
        return tokens / tokens_per_epoch

    tokens = axes.secondary_xaxis("top", functions=(as_tokens, as_epochs))
    tokens.set_xlabel("Tokens seen")
    tokens.xaxis.set_major_formatter(EngFormatter(sep=""))


def set_title(axes: Axes, title: str) -> None:
    """Set the title, or its beginning that is as wide as the plot."""
    shown = drawable(title)
    # Names are anybody's: `$` would start a formula.
    text = axes.set_title(shown, parse_math=False, pad=12, fontsize=13, fontfamily=families(shown + CUT))
    renderer = FigureCanvasAgg(cast(Figure, axes.figure)).get_renderer()
    room = axes.get_window_extent().width

    def fits(length: int) -> bool:
        text.set_text(shown if length == len(shown) else shown[:length] + CUT)
        return text.get_window_extent(renderer).width <= room

    if not fits(len(shown)):
        too_long = bisect_left(range(len(shown)), True, key=lambda length: not fits(length))
        text.set_text(shown[: max(too_long - 1, 0)] + CUT)
