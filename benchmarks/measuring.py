"""What all benchmarks need: processes of their own, and the machine's throughput, as medians."""

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

from worker.threads import WATCHED_SPINS, with_spin_settings
from worker.training.allocator import with_allocator_settings

TRAINER_ENVIRONMENT = with_spin_settings(with_allocator_settings({}), WATCHED_SPINS)


def peak_memory_bytes() -> int:
    """The most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run_in_process(module: str, *arguments: str, environment: Mapping[str, str] = TRAINER_ENVIRONMENT) -> Any:
    """What `python -m module arguments` prints as JSON, in a process of its own, with `environment` where
    this process's says nothing else."""
    completed = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**environment, **os.environ},
    )
    return json.loads(completed.stdout)


def seconds_of(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def gemm_flops(dtype: torch.dtype, size: int = 2048, rounds: int = 15) -> float:
    """GEMM throughput on the CPU, in FLOP/s: the median of square matrix products."""
    a, b = (torch.randn(size, size).to(dtype) for _ in range(2))
    a @ b
    return 2 * size**3 / statistics.median(seconds_of(lambda: a @ b) for _ in range(rounds))


def memory_bandwidth(size_bytes: int = 2**29, rounds: int = 9) -> float:
    """Bytes a second that all threads together read from memory; the median."""
    data = torch.ones(size_bytes // 4)
    data.sum()
    return size_bytes / statistics.median(seconds_of(data.sum) for _ in range(rounds))
