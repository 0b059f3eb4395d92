"""Points in time as text."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs.store.times import MAX_TIMESTAMP_S, all_as_rfc3339, as_rfc3339

times = st.floats(0, MAX_TIMESTAMP_S, exclude_max=True) | st.floats(0, 200)
no_times = st.sampled_from([-1.0, math.nan, math.inf, MAX_TIMESTAMP_S])


@given(st.lists(times | no_times))
@example([0.0, 59.9999999, 60.0, 1.79e9 + 0.9999996, math.nextafter(MAX_TIMESTAMP_S, 0)])
def test_many_times_are_written_as_each_of_them_would_be(timestamps_s: list[float]) -> None:
    assert all_as_rfc3339(timestamps_s) == [as_rfc3339(each) for each in timestamps_s]


def test_a_time_has_milliseconds_which_have_gone_by() -> None:
    assert as_rfc3339(0.9999) == "1970-01-01T00:00:00.999Z"


@pytest.mark.parametrize("no_time", [-1.0, math.nan, math.inf, MAX_TIMESTAMP_S])
def test_what_is_no_point_in_time_has_no_text(no_time: float) -> None:
    assert as_rfc3339(no_time) is None
