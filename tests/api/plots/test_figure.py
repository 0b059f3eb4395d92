"""The picture of a job's losses."""

import xml.etree.ElementTree as ET

import pytest
from matplotlib.figure import Figure

from api.plots.figure import draw_losses, label_axes, plot_points
from api.plots.plotter import LossPoint

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def loss_rows(count: int) -> list[LossPoint]:
    return [LossPoint(512 * (5 * index + 1), train_loss=9.0 - index, val_loss=9.5) for index in range(count)]


def test_the_plot_has_both_losses_over_epochs_and_tokens_seen_above() -> None:
    axes = Figure().add_subplot()
    plot_points(axes, loss_rows(3), tokens_per_epoch=512 * 9)
    label_axes(axes, "verdict", tokens_per_epoch=512 * 9)
    train, validation = axes.get_lines()
    assert train.get_xdata() == pytest.approx([1 / 9, 6 / 9, 11 / 9])
    assert list(train.get_ydata()) == [9.0, 8.0, 7.0]
    assert list(validation.get_ydata()) == [9.5, 9.5, 9.5]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["Training loss", "Validation loss"]
    assert axes.get_title() == "verdict"
    assert axes.get_xlabel() == "Epochs"
    (tokens,) = axes.child_axes
    assert tokens.get_xlabel() == "Tokens seen"
    axes.figure.draw_without_rendering()
    assert tokens.get_xlim() == pytest.approx([edge * 512 * 9 for edge in axes.get_xlim()])


@pytest.mark.parametrize("title", ["$\\frac{", "a\x01b\nc", "<&>--", "长" * 200, "😀"])
def test_any_name_gives_a_well_formed_picture(title: str) -> None:
    ET.fromstring(draw_losses(title, loss_rows(2), 4608, "svg"))


def test_equal_losses_give_equal_pictures() -> None:
    assert draw_losses("a", loss_rows(3), 4608, "svg") == draw_losses("a", loss_rows(3), 4608, "svg")
