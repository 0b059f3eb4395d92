"""The log that a trainer keeps, with real descriptors and processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.files.trainer_logs import (
    HEAD_BYTES,
    SEGMENT_BYTES,
    TAIL_BYTES,
    Dropped,
    end_of_log,
    list_segments,
    read_log,
)
from tests.waiting import wait_until
from worker.training.log_file import LogFile, append_to_log

LINE = b"%09d the quick brown fox jumps over the lazy dog, again and again\n"


@pytest.fixture
def descriptors() -> Iterator[tuple[int, int]]:
    """Two that lead nowhere yet, in place of stdout and stderr."""
    opened = os.open(os.devnull, os.O_WRONLY), os.open(os.devnull, os.O_WRONLY)
    yield opened
    for descriptor in opened:
        os.close(descriptor)


def whole(folder: Path) -> bytes:
    blocks = list(read_log(folder))
    assert not any(isinstance(block, Dropped) for block in blocks)
    return b"".join(block for block in blocks if isinstance(block, bytes))


def test_what_both_descriptors_write_is_one_log(tmp_path: Path, descriptors: tuple[int, int]) -> None:
    log = LogFile(tmp_path / "logs" / "attempt-1", descriptors)
    os.write(descriptors[0], b"out\n")
    os.write(descriptors[1], b"err\n")
    log.rotate_if_full()
    assert whole(tmp_path / "logs" / "attempt-1") == b"out\nerr\n"


def test_what_was_written_before_comes_first(tmp_path: Path, descriptors: tuple[int, int]) -> None:
    append_to_log(tmp_path, b"before\n")
    LogFile(tmp_path, descriptors)
    os.write(descriptors[1], b"after\n")
    append_to_log(tmp_path, b"late\n")
    assert whole(tmp_path) == b"before\nafter\nlate\n"


def test_a_folder_that_cannot_be_made_leaves_the_descriptors_as_they_were(
    tmp_path: Path, descriptors: tuple[int, int]
) -> None:
    (tmp_path / "file").write_text("")
    led_to = os.readlink(f"/proc/self/fd/{descriptors[0]}")
    with pytest.raises(OSError):
        LogFile(tmp_path / "file" / "attempt-1", descriptors)
    assert os.readlink(f"/proc/self/fd/{descriptors[0]}") == led_to


def write_lines(descriptor: int, numbers: range) -> bytes:
    written = b"".join(LINE % number for number in numbers)
    os.write(descriptor, written)
    return written


def test_a_long_log_keeps_its_beginning_and_its_end_and_takes_bounded_space(
    tmp_path: Path, descriptors: tuple[int, int]
) -> None:
    log = LogFile(tmp_path, descriptors)
    written = b""
    for first in range(0, 200_000, 5_000):
        written += write_lines(descriptors[first // 5_000 % 2], range(first, first + 5_000))
        log.rotate_if_full()
        assert (
            sum(path.stat().st_size for path in tmp_path.iterdir())
            < HEAD_BYTES + TAIL_BYTES + 3 * SEGMENT_BYTES
        )
    head, dropped, *tail = segments_of(tmp_path)
    assert isinstance(head, bytes)
    assert isinstance(dropped, Dropped)
    kept = b"".join(block for block in tail if isinstance(block, bytes))
    assert written.startswith(head)
    assert len(head) >= HEAD_BYTES
    assert written.endswith(kept)
    assert len(kept) >= TAIL_BYTES
    assert len(head) + dropped.size_bytes + len(kept) == len(written) == end_of_log(tmp_path)


def segments_of(folder: Path) -> list[bytes | Dropped]:
    """The log with blocks that follow each other put together."""
    joined: list[bytes | Dropped] = []
    for block in read_log(folder):
        if isinstance(block, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += block
        else:
            joined.append(block)
    return joined


def test_a_flood_between_two_looks_is_cut_down_to_the_same(
    tmp_path: Path, descriptors: tuple[int, int]
) -> None:
    log = LogFile(tmp_path, descriptors)
    written = write_lines(descriptors[0], range(400_000))
    log.rotate_if_full()
    written += write_lines(descriptors[0], range(400_000, 400_010))
    head, dropped, tail = segments_of(tmp_path)
    assert isinstance(head, bytes)
    assert isinstance(dropped, Dropped)
    assert isinstance(tail, bytes)
    assert (written.startswith(head), len(head)) == (True, HEAD_BYTES)
    assert written.endswith(tail)
    assert TAIL_BYTES <= len(tail) < TAIL_BYTES + SEGMENT_BYTES
    assert len(head) + dropped.size_bytes + len(tail) == len(written)
    # And another one, which drops all of the first but its head.
    written += write_lines(descriptors[0], range(400_010, 800_000))
    log.rotate_if_full()
    head, dropped, tail = segments_of(tmp_path)
    assert isinstance(head, bytes)
    assert isinstance(tail, bytes)
    assert (written.startswith(head), len(head), written.endswith(tail)) == (True, HEAD_BYTES, True)
    assert TAIL_BYTES <= len(tail) < TAIL_BYTES + SEGMENT_BYTES


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 40_000), min_size=1, max_size=12))
def test_whatever_is_written_between_looks_head_and_tail_are_kept(
    tmp_path_factory: pytest.TempPathFactory, batches: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("log")
    descriptor = os.open(os.devnull, os.O_WRONLY)
    log = LogFile(folder, [descriptor])
    written, number = b"", 0
    for count in batches:
        written += write_lines(descriptor, range(number, number + count))
        number += count
        log.rotate_if_full()
        parts = segments_of(folder)
        head, tail = parts[0], parts[-1]
        assert isinstance(head, bytes)
        assert isinstance(tail, bytes)
        assert written.startswith(head)
        assert written.endswith(tail)
        if len(parts) == 1:
            assert head == written
        else:
            assert (len(head) >= HEAD_BYTES, len(tail) >= TAIL_BYTES) == (True, True)
        assert list_segments(folder)[-1].end == len(written)
    os.close(descriptor)


CHATTERBOX = """
import os, sys, time
from pathlib import Path
from worker.training.log_file import LogFile
LogFile(Path(sys.argv[1])).watch()
number = 0
while True:
    print(f"{number:09d}" + "." * 90, flush=True)
    os.system(f"echo child {number}") if number % 5000 == 0 else None
    number += 1
"""


def test_a_killed_trainer_and_its_children_have_lost_nothing_that_they_wrote(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", CHATTERBOX, str(tmp_path)], stdout=subprocess.PIPE)
    wait_until(lambda: end_of_log(tmp_path) > 2 * SEGMENT_BYTES and len(list_segments(tmp_path)) > 1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    lines = b"".join(block for block in read_log(tmp_path) if isinstance(block, bytes)).splitlines()
    numbers = [int(line[:9]) for line in lines[:5000] if line[:9].isdigit()]
    assert numbers == list(range(len(numbers)))
    assert b"child 0" in lines
