"""Whether other programs had a part of the processor, by clocks that the tests set."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from worker.training.interference import Clocks, Interference, machine_busy_s


@dataclass
class Passing:
    """Seconds by each clock of a machine; None where it has none."""

    wall_s: float = 100.0
    run_s: float = 50.0
    waited_s: float | None = 5.0
    machine_s: float | None = 1000.0

    @property
    def clocks(self) -> Clocks:
        return Clocks(lambda: self.wall_s, lambda: self.run_s, lambda: self.waited_s, lambda: self.machine_s)


def noticed(passing: Passing, **passed_s: float) -> bool:
    """After so many seconds by each clock."""
    interference = Interference(passing.clocks)
    for clock, seconds in passed_s.items():
        setattr(passing, clock, getattr(passing, clock) + seconds)
    return interference.was_noticed()


@pytest.mark.parametrize(
    ("run_s", "waited_s", "machine_s", "is_disturbed"),
    [
        pytest.param(2.0, 0.0, 2.0, False, id="alone"),
        pytest.param(1.9, 0.09, 2.0, False, id="a moment's wait"),
        pytest.param(1.5, 0.5, 2.0, True, id="another has the rest of a processor"),
        pytest.param(0.5, 1.5, 0.5, False, id="no more is allowed, and nobody else has it"),
        pytest.param(2.0, 0.0, 9.0, False, id="others have other processors"),
    ],
)
def test_others_interfere_who_have_a_processor_that_is_waited_for(run_s, waited_s, machine_s, is_disturbed):
    passed = {"wall_s": 1.0, "run_s": run_s, "waited_s": waited_s, "machine_s": machine_s}
    assert noticed(Passing(), **passed) == is_disturbed


@pytest.mark.parametrize(("waited_s", "is_disturbed"), [(0.05, False), (0.3, True)])
def test_where_the_machine_does_not_tell_who_else_runs_waiting_decides(waited_s, is_disturbed):
    passing = Passing(machine_s=None)
    assert noticed(passing, wall_s=1.0, run_s=1.0, waited_s=waited_s) == is_disturbed


@pytest.mark.parametrize(("run_s", "is_disturbed"), [(2.0, False), (0.95, False), (0.6, True)])
def test_where_waiting_is_not_told_the_time_on_a_processor_decides(run_s, is_disturbed):
    passing = Passing(waited_s=None, machine_s=None)
    assert noticed(passing, wall_s=1.0, run_s=run_s) == is_disturbed


def test_a_machine_is_busy_with_whatever_is_not_idle(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 20 30 9999 7777 4 6 555 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n")
    assert machine_busy_s(stat) == 1.6


@pytest.mark.parametrize("content", ["", "cpu\n", "cpu  1 2 three 4 5 6 7\n"])
def test_a_machine_that_tells_nothing_readable_tells_nothing(tmp_path: Path, content: str) -> None:
    assert machine_busy_s(tmp_path / "nowhere") is None
    (tmp_path / "stat").write_text(content)
    assert machine_busy_s(tmp_path / "stat") is None
