"""The process that draws plots."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.plots.figure import draw_losses
from api.plots.plotter import LossPoint, Plot, PlotFailed, Plotter
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

PLOT = Plot(
    name="verdict",
    job_id="job-1",
    points=[LossPoint(512, 9.0, 9.5), LossPoint(1024, 8.0, 9.0)],
    tokens_per_epoch=4608,
    image_format="svg",
)
DRAWN = draw_losses("verdict", PLOT.points, PLOT.tokens_per_epoch, PLOT.image_format)


@pytest.fixture
def plotter() -> Iterator[Plotter]:
    plotter = Plotter()
    yield plotter
    plotter.close()


def pid_of(plotter: Plotter) -> int:
    assert plotter._process
    return plotter._process.pid


def test_a_plot_is_drawn_as_it_would_be_here(plotter: Plotter) -> None:
    assert plotter.draw(PLOT) == DRAWN


def test_one_process_draws_them_all_whoever_asks(plotter: Plotter) -> None:
    plotter.draw(PLOT)
    pid = pid_of(plotter)
    titles = [f"job {number}" for number in range(8)]
    with ThreadPoolExecutor(8) as askers:
        drawn = askers.map(lambda title: plotter.draw(PLOT.model_copy(update={"name": title})), titles)
        assert list(drawn) == [
            draw_losses(title, PLOT.points, PLOT.tokens_per_epoch, PLOT.image_format) for title in titles
        ]
    assert pid_of(plotter) == pid


def test_a_process_that_has_ended_is_started_again(plotter: Plotter) -> None:
    plotter.draw(PLOT)
    os.kill(pid_of(plotter), signal.SIGKILL)
    assert plotter.draw(PLOT) == DRAWN


def test_a_plot_over_which_the_process_ends_fails_alone(plotter: Plotter) -> None:
    with pytest.raises(PlotFailed):
        plotter.draw(PLOT.model_copy(update={"tokens_per_epoch": 0}))
    assert plotter.draw(PLOT) == DRAWN


def test_a_process_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.plots.plotter.PLOT_TIMEOUT_S", 0.2)
    hangs = Plotter(["sleep", "1000"])
    with pytest.raises(PlotFailed):
        hangs.draw(PLOT)
    assert hangs._process is None


def test_the_process_ends_with_its_parent(plotter: Plotter) -> None:
    code = f"""
from api.plots.plotter import PLOTTER, Plot
PLOTTER.draw(Plot.model_validate_json({PLOT.model_dump_json()!r}))
print(PLOTTER._process.pid, flush=True)
input()
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout
    pid = int(parent.stdout.readline())
    os.kill(pid, 0)
    parent.kill()
    parent.communicate()
    wait_until(lambda: not is_running(pid), "it had ended")


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] != "Z"
