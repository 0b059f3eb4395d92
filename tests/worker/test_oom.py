import errno
import os

import pytest
import torch

from worker.oom import find_oom_error, kernel_oom_kills, parse_oom_kills


def test_the_error_of_the_allocator_is_told_from_others() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**60)
    assert find_oom_error(raised.value) is raised.value
    assert find_oom_error(RuntimeError("the shapes do not fit")) is None


def test_what_the_system_says_of_memory_is_understood_whoever_quotes_it() -> None:
    said = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    assert find_oom_error(said) is said
    quoted = RuntimeError("Error while deserializing header: Cannot allocate memory (os error 12)")
    assert find_oom_error(quoted) is quoted
    assert find_oom_error(OSError(errno.ENOENT, os.strerror(errno.ENOENT))) is None


def test_it_is_found_behind_an_error_that_it_led_to() -> None:
    first, then = torch.cuda.OutOfMemoryError("CUDA out of memory"), RuntimeError("capture failed")
    then.__context__ = first
    assert find_oom_error(then) is first


def test_the_counter_is_found_among_the_others() -> None:
    assert parse_oom_kills("low 0\nhigh 3\noom 5\noom_kill 2\noom_group_kill 1\n") == 2
    assert parse_oom_kills("pgfault 7\n") == 0


def test_the_kernels_counter_can_be_read_here() -> None:
    assert kernel_oom_kills() >= 0
