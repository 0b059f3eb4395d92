"""Whether other programs had a part of the processor while something was measured."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from worker.training.contention import waited_for_processor_s

DISTURBED_SHARE = 0.1
"""Of the time that it took: so long its threads have waited for a processor, and others have used one."""
LEAST_SHARE = 0.9
"""Of the time, where the system does not tell of waiting: so long whoever computes all the time has run."""
TICKS_PER_S = 100
"""In which Linux counts in /proc/stat, whatever its own clock (USER_HZ, proc_stat(5))."""


def machine_busy_s(stat: Path = Path("/proc/stat")) -> float | None:
    """Of all processors together, since the machine started; None where the system does not tell.
    Source: proc_stat(5)"""
    try:
        with stat.open() as lines:
            _name, *ticks = next(lines, "").split()
        user, nice, system, _idle, _iowait, irq, softirq = map(int, ticks[:7])
    except (OSError, ValueError):
        return None
    return (user + nice + system + irq + softirq) / TICKS_PER_S


@dataclass(frozen=True)
class Clocks:
    """Seconds by different clocks; None where the system has none."""

    wall_s: Callable[[], float] = time.perf_counter
    run_s: Callable[[], float] = time.process_time
    """Of this process on a processor, all threads together."""
    waited_s: Callable[[], float | None] = waited_for_processor_s
    """Of this process ready to run, without a processor."""
    machine_s: Callable[[], float | None] = machine_busy_s
    """Of all processors, with whatever process."""


CLOCKS = Clocks()
"""The system's."""


class Interference:
    """Begins to watch when it is made."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._begun = self._read()

    def was_noticed(self) -> bool:
        """Since it was made. Waiting alone says little: a container that may use half a processor always
        waits. Nor do others alone, where there are processors enough."""
        wall_s, run_s, waited_s, machine_s = (
            None if now is None or begun is None else now - begun
            for now, begun in zip(self._read(), self._begun, strict=True)
        )
        assert wall_s is not None
        assert run_s is not None
        if waited_s is None:
            return run_s < LEAST_SHARE * wall_s
        others_s = wall_s if machine_s is None else machine_s - run_s
        return min(waited_s, others_s) > DISTURBED_SHARE * wall_s

    def _read(self) -> tuple[float | None, ...]:
        clocks = self._clocks
        return clocks.wall_s(), clocks.run_s(), clocks.waited_s(), clocks.machine_s()
