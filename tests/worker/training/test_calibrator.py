"""The machine's speed: measured once, while the worker is idle, and kept."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.settings import Settings
from model.estimate.machine import Calibration
from tests.jobs.making import CALIBRATION
from tests.waiting import PATIENCE_S, wait_until
from tests.worker.processes import pids_of
from worker.training.calibrator import Calibrator, calibration_file, processor, read_calibration

MEASURED = CALIBRATION
WITHOUT_RATES = replace(MEASURED, rates={})
Start = Callable[..., Calibrator]


class Idleness:
    """Of a worker: for how long it has been idle."""

    def __init__(self) -> None:
        self.idle_s = 1000.0

    def __call__(self) -> float:
        return self.idle_s


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Makes modules that stand in for the one that measures; each writes a line to `runs` when it begins."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def make(source: str) -> str:
        lines = [f"open({str(tmp_path / 'runs')!r}, 'a').write('begun\\n')", source]
        name = f"stand_in_calibration_{os.getpid()}"  # tests that run beside these have their own
        new = tmp_path / "new"
        new.write_text("\n".join(lines))
        new.replace(tmp_path / f"{name}.py")  # at once: it may be being imported
        return name

    return make


@pytest.fixture
def start(settings: Settings, found: list[Calibration], idleness: Idleness) -> Iterator[Start]:
    started: list[Calibrator] = []

    def start(module: str, **limits: float) -> Calibrator:
        started.append(Calibrator(settings, idleness, found.append, quiet_s=5, module=module, **limits))
        started[-1].start()
        return started[-1]

    yield start
    for calibrator in started:
        calibrator.end()
        calibrator.join()


@pytest.fixture
def found() -> list[Calibration]:
    return []


@pytest.fixture
def idleness() -> Idleness:
    return Idleness()


def runs(tmp_path: Path) -> int:
    file = tmp_path / "runs"
    return len(file.read_text().splitlines()) if file.exists() else 0


PRINTS = f"print({json.dumps(MEASURED.to_json())!r})"
IS_DISTURBED = f"print({json.dumps(WITHOUT_RATES.to_json())!r})"
HANGS = "import time\ntime.sleep(3600)"

pytestmark = pytest.mark.sqlite_will_do


def test_what_is_measured_is_kept_and_never_measured_again(
    settings: Settings,
    module: Callable[[str], str],
    start: Start,
    found: list[Calibration],
    tmp_path: Path,
) -> None:
    start(module(PRINTS)).join()
    start(module(PRINTS)).join()
    assert found == [MEASURED, MEASURED]
    assert runs(tmp_path) == 1
    assert read_calibration(calibration_file(settings)) == MEASURED


def test_with_other_threads_it_is_measured_anew(
    settings: Settings, module: Callable[[str], str], start: Start, tmp_path: Path
) -> None:
    start(module(PRINTS)).join()
    other = settings.model_copy(update={"threads": 7})
    assert calibration_file(other) != calibration_file(settings)
    assert read_calibration(calibration_file(other)) is None


def test_nothing_is_measured_while_the_worker_has_a_job_or_has_just_had_one(
    module: Callable[[str], str], start: Start, idleness: Idleness, found: list[Calibration], tmp_path: Path
) -> None:
    idleness.idle_s = 4.9
    calibrator = start(module(PRINTS))
    calibrator.join(0.5)
    assert (calibrator.is_alive(), runs(tmp_path)) == (True, 0)
    idleness.idle_s = 5
    calibrator.join()
    assert found == [MEASURED]


def test_a_job_that_comes_ends_the_measuring_which_begins_again_after_it(
    module: Callable[[str], str], start: Start, idleness: Idleness, found: list[Calibration], tmp_path: Path
) -> None:
    name = module(HANGS)
    calibrator = start(name)
    wait_until(lambda: runs(tmp_path) == 1)
    idleness.idle_s = 0
    wait_until(lambda: not pids_of(name))
    assert (found, calibrator.is_alive()) == ([], True)
    module(PRINTS)
    idleness.idle_s = 5
    calibrator.join()
    assert found == [MEASURED]


def test_a_worker_that_ends_takes_its_measuring_with_it(
    module: Callable[[str], str], start: Start, found: list[Calibration], tmp_path: Path
) -> None:
    name = module(HANGS)
    calibrator = start(name)
    wait_until(lambda: runs(tmp_path) == 1)
    calibrator.end()
    calibrator.join()
    assert (pids_of(name), found) == ([], [])


def test_what_can_not_be_measured_is_not_tried_again_and_said(
    module: Callable[[str], str],
    start: Start,
    found: list[Calibration],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    start(module("raise SystemExit(3)")).join()
    assert (found, runs(tmp_path)) == ([], 1)
    assert "could not be measured: exit status 3" in caplog.text


def test_what_takes_too_long_is_given_up_and_said(
    module: Callable[[str], str],
    start: Start,
    found: list[Calibration],
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = module(HANGS)
    start(name, timeout_s=0.3).join()
    assert (found, pids_of(name)) == ([], [])
    assert "could not be measured within 0 s" in caplog.text


def test_what_others_disturb_is_not_kept_and_measured_again_later(
    settings: Settings,
    module: Callable[[str], str],
    start: Start,
    found: list[Calibration],
    tmp_path: Path,
) -> None:
    name = module(IS_DISTURBED)
    calibrator = start(name, first_pause_s=0.01)
    wait_until(lambda: len(found) >= 2)
    assert set(map(str, found)) == {str(WITHOUT_RATES)}
    assert not calibration_file(settings).exists()
    module(PRINTS)
    calibrator.join()
    assert found[-1] == read_calibration(calibration_file(settings)) == MEASURED
    assert runs(tmp_path) == len(found)


def test_a_worker_ends_while_it_waits_to_measure_again(
    module: Callable[[str], str], start: Start, found: list[Calibration]
) -> None:
    calibrator = start(module(IS_DISTURBED), first_pause_s=3600)
    wait_until(lambda: len(found) == 1)
    calibrator.end()
    calibrator.join(PATIENCE_S)
    assert not calibrator.is_alive()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"device": "cpu"}', '{"rates": {"float32": {"x": 1}}}'])
def test_a_file_of_another_version_is_measured_anew(
    settings: Settings,
    module: Callable[[str], str],
    start: Start,
    found: list[Calibration],
    content: str,
) -> None:
    file = calibration_file(settings)
    file.parent.mkdir(parents=True)
    file.write_text(content)
    start(module(PRINTS)).join()
    assert found == [MEASURED]
    assert read_calibration(file) == MEASURED


def test_the_processors_name_is_its_own_as_linux_tells_it(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: AMD EPYC\nflags\t: fpu\n")
    assert processor(cpuinfo) == "AMD EPYC"
    cpuinfo.write_text("processor\t: 0\n")
    assert processor(cpuinfo) == ""


@pytest.mark.slow
def test_a_real_measuring_gives_rates_of_every_numerics_or_of_none_beside_others() -> None:
    command = [sys.executable, "-m", "worker.training.calibration", str(os.getpid())]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    measured = Calibration.from_json(json.loads(printed))
    assert measured.device in ("cpu", "cuda")
    assert measured.auto in ("float32", "bfloat16")
    assert measured.threads > 0
    assert set(measured.rates) in (set(), {"reference", "float32", "bfloat16"})
    for rates in measured.rates.values():
        assert min(rates.flops_per_s, rates.bytes_per_s, rates.evaluated_share) > 0
