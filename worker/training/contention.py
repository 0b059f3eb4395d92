"""Threads wait awake for each other only while the trainer has the processor to itself.

Between two operations PyTorch's threads wait for each other, and GNU's OpenMP lets them do so awake at first.
Alone that is right: to fall asleep and be woken takes longer than most waits, 12 % of a tiny model's steps.
Beside other programs it is wrong: who waits awake keeps the very thread that is waited for off the processor,
and a step takes up to fifteen times as long (`make bench-busy`, benchmarks/LOG.md).

OpenMP has a number for each case, and takes the second once it manages more threads than there are
processors. Its variables are read once, when it is loaded. So where the trainer's threads have to queue for a
processor, a second team of threads is made, which does nothing, and is given up when they no longer have to.
"""

import threading
from pathlib import Path

LOOK_S = 0.25
CONTENDED_SHARE = 0.35
"""Of a look: for so long its threads together have waited for a processor. Beside one busy process they do
for half of it and more, alone for a fifth at most."""
LASTS_LOOKS = 4
"""A neighbour that rests for less is expected back."""
PARALLEL_NUMBERS = 2**17
"""So many that PyTorch computes on them with all of its threads."""


class ContentionWatch(threading.Thread):
    """Looks after this process until it ends, wherever Linux tells how long threads wait."""

    def __init__(self) -> None:
        super().__init__(name="contention", daemon=True)
        self._ended = threading.Event()
        self._release: threading.Event | None = None
        """Ends the second team."""

    @property
    def is_contended(self) -> bool:
        return self._release is not None

    def run(self) -> None:
        waited_s, quiet_looks = waited_for_processor_s(), 0
        while waited_s is not None and not self._ended.wait(LOOK_S):
            before_s, waited_s = waited_s, waited_for_processor_s()
            if waited_s is None:
                break
            quiet_looks = quiet_looks + 1 if waited_s - before_s < CONTENDED_SHARE * LOOK_S else 0
            if quiet_looks == 0 and self._release is None:
                self._add_team()
            elif quiet_looks >= LASTS_LOOKS and self._release is not None:
                self._end_team()
        self._end_team()

    def end(self) -> None:
        self._ended.set()
        self.join()

    def _add_team(self) -> None:
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
