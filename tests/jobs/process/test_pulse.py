import os
import time
from collections.abc import Iterator

import pytest

from jobs.process import pulse
from jobs.process.pulse import START_TIMEOUT_S, TROUBLE_TIMEOUT_S, Pulse, PulseMonitor
from tests.clocks import replace_clock
from tests.waiting import wait_until


class Clock:
    """The monotonic clock, which stands still unless the test moves it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = time.monotonic()
        replace_clock(monkeypatch, pulse, monotonic=lambda: self.now_s)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Monitored:
    """A monitor, and the end of the pipe that a process would have."""

    def __init__(self) -> None:
        self.monitor = PulseMonitor()
        self._writer = os.dup(self.monitor.descriptor)
        self.monitor.begin()

    def report(self, text: str) -> None:
        os.write(self._writer, text.encode())

    def end(self) -> None:
        os.close(self._writer)
        self._writer = -1

    def close(self) -> None:
        self.monitor.close()
        if self._writer >= 0:
            self.end()


@pytest.fixture
def monitored(clock: Clock) -> Iterator[Monitored]:
    monitored = Monitored()
    yield monitored
    monitored.close()


def test_a_process_is_well_for_as_long_as_its_last_sign_of_life_is_good(
    monitored: Monitored, clock: Clock
) -> None:
    monitored.report("20.0 \n")
    assert monitored.monitor.find_fault() is None
    clock.now_s += 20
    assert monitored.monitor.find_fault() is None
    clock.now_s += 1
    assert monitored.monitor.find_fault() == "no sign of life for 21 s"
    monitored.report("20.0 \n")
    assert monitored.monitor.find_fault() is None


def test_a_process_has_time_to_start(monitored: Monitored, clock: Clock) -> None:
    assert not monitored.monitor.was_heard
    clock.now_s += START_TIMEOUT_S
    assert monitored.monitor.find_fault() is None
    clock.now_s += 1
    assert monitored.monitor.find_fault() == f"it has not come to work within {START_TIMEOUT_S} s"
    monitored.report("20.0 \n")
    assert monitored.monitor.find_fault() is None
    assert monitored.monitor.was_heard


def test_trouble_that_lasts_is_a_fault_and_one_that_passes_is_not(monitored: Monitored, clock: Clock) -> None:
    monitored.report("20.0 it is stuck for 1 s\n")
    assert monitored.monitor.find_fault() is None
    clock.now_s += TROUBLE_TIMEOUT_S
    monitored.report("20.0 \n")
    assert monitored.monitor.find_fault() is None
    monitored.report("20.0 it is stuck for 1 s\n")
    assert monitored.monitor.find_fault() is None
    clock.now_s += TROUBLE_TIMEOUT_S + 1
    monitored.report("20.0 it is stuck for 7 s\n")
    assert monitored.monitor.find_fault() == "it is stuck for 7 s"


def test_a_watcher_that_was_stopped_itself_hears_first_what_was_said_meanwhile(
    monitored: Monitored, clock: Clock
) -> None:
    monitored.report("20.0 \n")
    assert monitored.monitor.find_fault() is None
    monitored.report("20.0 \n" * 10_000)
    clock.now_s += 3600
    assert monitored.monitor.find_fault() is None


def test_a_sign_of_life_may_come_in_pieces(monitored: Monitored, clock: Clock) -> None:
    monitored.report("20.0 it is ")
    assert not monitored.monitor.was_heard
    assert monitored.monitor.find_fault() is None
    assert not monitored.monitor.was_heard
    monitored.report("stuck\n20.0 it is stuck still\n")
    monitored.monitor.find_fault()
    clock.now_s += TROUBLE_TIMEOUT_S + 1
    assert monitored.monitor.find_fault() == "it is stuck still"


def test_a_process_that_has_ended_is_not_waited_for(monitored: Monitored) -> None:
    monitored.end()
    monitored.monitor.find_fault()
    monitored.monitor.wait(timeout_s=600)


def test_a_pulse_beats_says_its_trouble_on_one_line_and_ends_with_its_watcher(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pulse, "INTERVAL_S", 0.01)
    monkeypatch.setattr(pulse, "TROUBLE_TIMEOUT_S", 0.02)
    monitor = PulseMonitor()
    troubles = ["first", "it is\nstuck"]
    beating = Pulse(os.dup(monitor.descriptor), 20.0, lambda: troubles[-1])
    monitor.begin()
    beating.start()
    wait_until(lambda: monitor.find_fault() == "it is stuck")
    monitor.close()
    wait_until(lambda: not beating._thread.is_alive())
