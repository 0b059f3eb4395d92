import os
import time
from collections.abc import Iterator

import pytest

from jobs.process import pulse
from jobs.process.pulse import START_LIMIT_S, TROUBLE_LIMIT_S, Pulse, Watch
from tests.waiting import wait_until


class Clock:
    """The monotonic clock, which stands still unless the test moves it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = time.monotonic()
        monkeypatch.setattr(pulse.time, "monotonic", lambda: self.now_s)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Told:
    """A watch, and the end of the pipe that a process would have."""

    def __init__(self) -> None:
        self.watch = Watch()
        self._writer = os.dup(self.watch.descriptor)
        self.watch.begin()

    def tell(self, text: str) -> None:
        os.write(self._writer, text.encode())

    def end(self) -> None:
        os.close(self._writer)
        self._writer = -1

    def close(self) -> None:
        self.watch.close()
        if self._writer >= 0:
            self.end()


@pytest.fixture
def told(clock: Clock) -> Iterator[Told]:
    found = Told()
    yield found
    found.close()


def test_a_process_is_well_for_as_long_as_its_last_sign_of_life_is_good(told: Told, clock: Clock) -> None:
    told.tell("20.0 \n")
    assert told.watch.find_fault() is None
    clock.now_s += 20
    assert told.watch.find_fault() is None
    clock.now_s += 1
    assert told.watch.find_fault() == "no sign of life for 21 s"
    told.tell("20.0 \n")
    assert told.watch.find_fault() is None


def test_a_process_has_time_to_start(told: Told, clock: Clock) -> None:
    assert not told.watch.was_heard
    clock.now_s += START_LIMIT_S
    assert told.watch.find_fault() is None
    clock.now_s += 1
    assert told.watch.find_fault() == f"it has not come to work within {START_LIMIT_S} s"
    told.tell("20.0 \n")
    assert told.watch.find_fault() is None
    assert told.watch.was_heard


def test_trouble_that_lasts_is_a_fault_and_one_that_passes_is_not(told: Told, clock: Clock) -> None:
    told.tell("20.0 it is stuck for 1 s\n")
    assert told.watch.find_fault() is None
    clock.now_s += TROUBLE_LIMIT_S
    told.tell("20.0 \n")
    assert told.watch.find_fault() is None
    told.tell("20.0 it is stuck for 1 s\n")
    assert told.watch.find_fault() is None
    clock.now_s += TROUBLE_LIMIT_S + 1
    told.tell("20.0 it is stuck for 7 s\n")
    assert told.watch.find_fault() == "it is stuck for 7 s"


def test_a_watcher_that_was_stopped_itself_hears_first_what_was_said_meanwhile(
    told: Told, clock: Clock
) -> None:
    told.tell("20.0 \n")
    assert told.watch.find_fault() is None
    told.tell("20.0 \n" * 10_000)
    clock.now_s += 3600
    assert told.watch.find_fault() is None


def test_a_sign_of_life_may_come_in_pieces(told: Told, clock: Clock) -> None:
    told.tell("20.0 it is ")
    assert not told.watch.was_heard
    assert told.watch.find_fault() is None
    assert not told.watch.was_heard
    told.tell("stuck\n20.0 it is stuck still\n")
    told.watch.find_fault()
    clock.now_s += TROUBLE_LIMIT_S + 1
    assert told.watch.find_fault() == "it is stuck still"


def test_a_process_that_has_ended_is_not_waited_for(told: Told) -> None:
    told.end()
    told.watch.find_fault()
    told.watch.wait(timeout_s=600)


def test_a_pulse_beats_says_its_trouble_on_one_line_and_ends_with_its_watcher(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pulse, "BEAT_S", 0.01)
    monkeypatch.setattr(pulse, "TROUBLE_LIMIT_S", 0.02)
    watch = Watch()
    troubles = ["first", "it is\nstuck"]
    beating = Pulse(os.dup(watch.descriptor), 20.0, lambda: troubles[-1])
    watch.begin()
    beating.start()
    wait_until(lambda: watch.find_fault() == "it is stuck")
    watch.close()
    wait_until(lambda: not beating._thread.is_alive())
