"""A real trainer's peak memory and checkpoint, against what was estimated."""

import pytest

from benchmarks.estimate import GRID, MOST_OFF, run_alone
from model.estimate.machine import Machine
from tests.jobs.making import CALIBRATION


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tiny", "tiny, bytes"])
def test_a_trainer_takes_what_its_job_was_estimated_to_take(name: str) -> None:
    outcome = run_alone(GRID[name], Machine("cpu", CALIBRATION))
    assert outcome.status == "succeeded"
    assert outcome.peak_bytes <= outcome.estimated_bytes <= (1 + MOST_OFF) * outcome.peak_bytes
    assert outcome.disk_bytes <= outcome.estimated_disk_bytes <= outcome.disk_bytes + 2**18
