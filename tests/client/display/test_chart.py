from client.display.chart import loss_chart
from tests.client.service import loss_row


def test_the_chart_has_both_losses_from_the_highest_to_the_lowest() -> None:
    rows = [loss_row(0, 1, 9.0, 10.0), loss_row(50, 5, 4.0, 6.5), loss_row(100, 10, 0.0, 6.0)]
    assert loss_chart(rows, width=11, height=11).splitlines() == [
        "         ● train loss   ○ validation loss",
        "  10.00 ┤○",
        "        ┤●",
        "        ┤",
        "        ┤     ○",
        "        ┤          ○",
        "   5.00 ┤",
        "        ┤     ●",
        "        ┤",
        "        ┤",
        "        ┤",
        "   0.00 ┤          ●",
        "        └───────────",
        "         step 1step 101 (epoch 10)",
    ]


def test_a_single_evaluation_is_a_chart_too() -> None:
    assert "●" in loss_chart([loss_row(0, 1, 9.0, 9.0)])


def test_without_losses_there_is_no_chart() -> None:
    assert loss_chart([]) == ""
