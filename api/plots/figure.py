"""The lecture's plot of losses. It is drawn without pyplot, whose state is global."""

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
from api.plots.plotter import LossPoint
from jobs.validation.quoting import CUT

SIZE_INCHES = (8, 5)
DOTS_PER_INCH = 120
MARGINS = {"left": 0.1, "right": 0.97, "bottom": 0.12, "top": 0.81}
"""Fractions of the picture. Matplotlib's own layout would double the time that a plot takes."""
MAX_MARKERS = 40
"""Of more evaluations, markers would hide the line."""
TRAIN_COLOUR, VALIDATION_COLOUR = "#1f6fb4", "#d9541e"
INK, GRID = "#333333", "#dddddd"

STYLE: dict[Any, Any] = {
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "pretrain",  # else equal plots have different ids in them
}


def title_of(name: str | None, job_id: str) -> str:
    """A job's name, or its id if the name is empty or invisible."""
    return job_id if name is None or is_blank(name) else name


def draw_losses(
    title: str, points: Sequence[LossPoint], tokens_per_epoch: int, image_format: Literal["png", "svg"]
) -> bytes:
    """Train and validation loss over epochs, with the tokens seen on the upper axis, as an image file.

    Not thread-safe: Matplotlib's style, fonts and caches are global.

    points            in the order of tokens; there may be none
    tokens_per_epoch  tokens that a whole epoch trains on
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH)
        figure.subplots_adjust(**MARGINS)
        axes = figure.add_subplot()
        plot_points(axes, points, tokens_per_epoch)
        label_axes(axes, title, tokens_per_epoch)
        image = io.BytesIO()
        figure.savefig(image, format=image_format, metadata={"Date": None} if image_format == "svg" else None)
    return image.getvalue()


def plot_points(axes: Axes, points: Sequence[LossPoint], tokens_per_epoch: int) -> None:
    if not points:
        axes.text(0.5, 0.5, "no evaluation yet", transform=axes.transAxes, ha="center", va="center")
        axes.set(xlim=(0, 1), yticks=[])
        return
    epochs = [point.tokens_seen / tokens_per_epoch for point in points]
    marker = "o" if len(points) <= MAX_MARKERS else None
    axes.plot(
        epochs,
        [point.train_loss for point in points],
        color=TRAIN_COLOUR,
        marker=marker,
        markersize=4,
        label="Training loss",
    )
    axes.plot(
        epochs,
        [point.val_loss for point in points],
        color=VALIDATION_COLOUR,
        linestyle="--",
        marker=marker,
        markersize=4,
        label="Validation loss",
    )
    axes.set_xlim(0, 1.02 * epochs[-1])
    axes.set_ylim(0, 1.06 * max(max(point.train_loss, point.val_loss) for point in points))
    axes.legend(frameon=False)


def label_axes(axes: Axes, title: str, tokens_per_epoch: int) -> None:
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
    """Set the title, cut to the width of the plot."""
    shown = drawable(title)
    # Users choose names: `$` would start a formula.
    text = axes.set_title(shown, parse_math=False, pad=12, fontsize=13, fontfamily=families(shown + CUT))
    renderer = FigureCanvasAgg(cast(Figure, axes.figure)).get_renderer()
    max_width = axes.get_window_extent().width

    def fits(length: int) -> bool:
        text.set_text(shown if length == len(shown) else shown[:length] + CUT)
        return text.get_window_extent(renderer).width <= max_width

    if not fits(len(shown)):
        first_too_long = bisect_left(range(len(shown)), True, key=lambda length: not fits(length))
        text.set_text(shown[: max(first_too_long - 1, 0)] + CUT)
