"""A trainer's threads spin while they wait for each other only while it has the processor to itself.

Between two operations PyTorch's threads wait for each other, and GNU's OpenMP has them spin at first. Alone
that is right: to sleep and be woken takes longer than most waits, 12 % of a tiny model's steps. Beside other
programs it is wrong: a thread that spins keeps the very thread that is waited for off the processor, and a
step takes up to fifteen times as long (`make bench-busy`, benchmarks/LOG.md).

OpenMP has a spin count for each case, and uses the second once it manages more threads than there are
processors. Its variables are read once, when it is loaded. So where the trainer's threads have to queue for a
processor, a second team of threads is started, which does nothing, and is ended when they no longer have to.
"""

import threading
from pathlib import Path

INTERVAL_S = 1.0
"""Between two looks. Each takes the interpreter's lock from the training thread some twenty times: four looks
a second cost a tiny model 3 % of its steps (benchmarks/LOG.md)."""
CONTENDED_SHARE = 0.35
"""Of an interval: for so long its threads together have waited for a processor. Beside one busy process they
do for half of it and more, alone for a fifth at most."""
QUIET_INTERVALS = 2
"""Before contention counts as over: a neighbour that pauses for less is expected back."""
PARALLEL_NUMBERS = 2**17
"""So many that PyTorch computes on them with all of its threads."""


class ContentionMonitor(threading.Thread):
    """Runs until this process ends, wherever Linux tells how long threads wait."""

    def __init__(self) -> None:
        super().__init__(name="contention", daemon=True)
        self._ended = threading.Event()
        self._release: threading.Event | None = None
        """Ends the second team."""

    @property
    def is_contended(self) -> bool:
        return self._release is not None

    def run(self) -> None:
        waited_s, quiet_intervals = waited_for_processor_s(), 0
        while waited_s is not None and not self._ended.wait(INTERVAL_S):
            before_s, waited_s = waited_s, waited_for_processor_s()
            if waited_s is None:
                break
            is_quiet = waited_s - before_s < CONTENDED_SHARE * INTERVAL_S
            quiet_intervals = quiet_intervals + 1 if is_quiet else 0
            if quiet_intervals == 0 and self._release is None:
                self._start_team()
            elif quiet_intervals >= QUIET_INTERVALS and self._release is not None:
                self._end_team()
        self._end_team()

    def end(self) -> None:
        self._ended.set()
        self.join()

    def _start_team(self) -> None:
        self._release = threading.Event()
        threading.Thread(target=hold_team, args=(self._release,), name="second team", daemon=True).start()

    def _end_team(self) -> None:
        if self._release is not None:
            self._release.set()
            self._release = None


def hold_team(release: threading.Event) -> None:
    """Have a team of OpenMP threads in the calling thread, which ends with it."""
    import torch

    torch.zeros(PARALLEL_NUMBERS).add_(1)
    release.wait()


def waited_for_processor_s(tasks: Path = Path("/proc/self/task")) -> float | None:
    """How long the threads of this process, those that live, have been ready to run without a processor; None
    where the system does not tell. Source: Linux, Documentation/scheduler/sched-stats.rst."""
    waited_ns = 0
    try:
        for task in tasks.iterdir():
            try:
                waited_ns += int((task / "schedstat").read_text().split()[1])
            except ProcessLookupError:  # it has ended meanwhile
                continue
    except (OSError, IndexError):
        return None
    return waited_ns / 1e9
