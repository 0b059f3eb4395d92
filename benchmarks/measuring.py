"""What all benchmarks need: processes of their own, the machine's rates, medians."""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from worker.threads import TRAINER_SPINS, with_spin_settings
from worker.training.allocator import with_allocator_settings

OF_TRAINERS = with_spin_settings(with_allocator_settings({}), TRAINER_SPINS)


def peak_memory_bytes() -> int:
    """The most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def alone(module: str, *arguments: str, settings: Mapping[str, str] = OF_TRAINERS) -> Any:
    """What `python -m module arguments` prints as JSON, in a process of its own with these settings in its
    environment, unless they are there already."""
    command = [sys.executable, "-m", module, *arguments]
    environment = {**settings, **os.environ}
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(ran.stdout)


def seconds_of(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def product_rate(dtype: torch.dtype, size: int = 2048, rounds: int = 15) -> float:
    """Multiplications and additions a second of a matrix product of that size; the median."""
    a, b = (torch.randn(size, size).to(dtype) for _ in range(2))
    a @ b
    return 2 * size**3 / statistics.median(seconds_of(lambda: a @ b) for _ in range(rounds))


def read_rate(size_bytes: int = 2**29, rounds: int = 9) -> float:
    """Bytes a second that all threads together read from memory; the median."""
    data = torch.ones(size_bytes // 4)
    data.sum()
    return size_bytes / statistics.median(seconds_of(data.sum) for _ in range(rounds))
