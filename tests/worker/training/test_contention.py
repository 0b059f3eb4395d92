import os
import subprocess
import sys
import threading
from contextlib import ExitStack

import pytest

from tests.waiting import PATIENCE_S, wait_until
from worker.training import contention
from worker.training.contention import ContentionMonitor, waited_for_processor_s


@pytest.fixture
def brisk(monkeypatch):
    monkeypatch.setattr(contention, "INTERVAL_S", 0.01)
    monkeypatch.setattr(contention, "QUIET_INTERVALS", 3)


@pytest.fixture
def monitor():
    started = ContentionMonitor()
    yield started
    started.end()


def teams() -> int:
    return sum(thread.name == "second team" for thread in threading.enumerate())


def test_a_second_team_lives_as_long_as_threads_have_to_wait_for_a_processor(brisk, monitor, monkeypatch):
    waited = iter([0.0, 0.0, *(second / 10 for second in range(1, 6))])
    last = 0.0
    goes_on = threading.Event()

    def scripted() -> float:
        nonlocal last
        last = next(waited, last)
        if last == 0.5 and not goes_on.is_set():
            assert monitor.is_contended
            assert teams() == 1
            goes_on.wait(PATIENCE_S)
        return last

    monkeypatch.setattr(contention, "waited_for_processor_s", scripted)
    monitor.start()
    wait_until(lambda: monitor.is_contended, "it saw the neighbour")
    goes_on.set()
    wait_until(lambda: not monitor.is_contended, "it saw that the neighbour had gone")
    wait_until(lambda: teams() == 0, "the second team had ended")


def test_where_the_system_does_not_tell_the_watch_ends(monitor, monkeypatch, tmp_path):
    assert waited_for_processor_s(tmp_path / "nowhere") is None
    (tmp_path / "1").mkdir()
    assert waited_for_processor_s(tmp_path) is None
    monkeypatch.setattr(contention, "waited_for_processor_s", lambda: None)
    monitor.start()
    monitor.join(PATIENCE_S)
    assert not monitor.is_alive()


def test_what_all_threads_have_waited_is_summed(tmp_path):
    for thread, waited_ns in ((7, 1_500_000_000), (8, 250_000_000)):
        (tmp_path / str(thread)).mkdir()
        (tmp_path / str(thread) / "schedstat").write_text(f"999 {waited_ns} 3\n")
    assert waited_for_processor_s(tmp_path) == 1.75


@pytest.mark.skipif(waited_for_processor_s() is None, reason="this kernel counts no waiting for processors")
def test_a_process_that_computes_beside_more_than_there_are_processors_is_contended(brisk, monitor):
    over = threading.Event()

    def compute() -> None:
        while not over.is_set():
            sum(range(10_000))

    with ExitStack() as stack:
        for _ in range(2 * (os.cpu_count() or 1)):
            stack.callback(subprocess.Popen([sys.executable, "-c", "while True: pass"]).kill)
        stack.callback(over.set)
        threading.Thread(target=compute).start()
        monitor.start()
        wait_until(lambda: monitor.is_contended, "it saw its neighbours")
