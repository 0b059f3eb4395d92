"""Numbers made readable."""

import pytest

from client.display.formats import as_duration, as_flops, as_size


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (0, "0:00"), (59.6, "1:00"), (125, "2:05"), (3723, "1:02:03")]
)
def test_durations(seconds: float | None, text: str) -> None:
    assert as_duration(seconds) == text


@pytest.mark.parametrize(
    ("size_bytes", "text"), [(None, "-"), (999, "999 B"), (1500, "1.5 kB"), (649_700_000, "649.7 MB")]
)
def test_sizes(size_bytes: int | None, text: str) -> None:
    assert as_size(size_bytes) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0.0 FLOP"), (999, "999.0 FLOP"), (5.05e13, "50.5 TFLOP"), (3.2e24, "3,200.0 ZFLOP")],
)
def test_operations_stand_in_the_largest_unit_of_which_there_is_one(count: float, text: str) -> None:
    assert as_flops(count) == text
