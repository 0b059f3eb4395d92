"""Waking a thread that waits."""

import os
import threading
import time

from api.live.wakening import Wakening
from api.server.open_files import raise_open_files_limit

MORE_THAN_SELECT_KNOWS = 1100


def test_a_wait_ends_when_it_is_called_and_remembers_a_call_from_before() -> None:
    wakening = Wakening()
    threading.Timer(0.05, wakening.wake).start()
    assert wakening.wait(60)
    wakening.wake()
    assert wakening.wait(60)
    assert not wakening.wait(0.01)
    wakening.close()


def test_a_wait_ends_when_a_file_can_be_read() -> None:
    wakening = Wakening()
    readable, writable = os.pipe()
    os.write(writable, b"a")
    began_s = time.monotonic()
    assert not wakening.wait(60, readable)
    assert time.monotonic() - began_s < 30
    wakening.close()
    for file in (readable, writable):
        os.close(file)


def test_it_works_where_more_files_are_open_than_select_knows() -> None:
    assert raise_open_files_limit() > MORE_THAN_SELECT_KNOWS
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(MORE_THAN_SELECT_KNOWS)]
    try:
        wakening = Wakening()
        wakening.wake()
        assert wakening.wait(60)
        wakening.close()
    finally:
        for file in files:
            os.close(file)


def test_a_call_after_the_end_is_no_error() -> None:
    wakening = Wakening()
    wakening.close()
    wakening.wake()
