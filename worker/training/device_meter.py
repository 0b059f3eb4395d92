"""What a trainer takes of its machine, measured from outside: by its supervisor, so that it costs no step."""

import logging
import os
import threading
import time
from dataclasses import dataclass

from worker.process_use import process_use
from worker.training.gpu_meter import GpuMeter, GpuUnknown, GpuUse

log = logging.getLogger(__name__)

INTERVAL_S = 5.0
READ_WITHIN_S, READ_TRIES = 0.02, 5
"""A reading of processor time that takes longer is made again: it and its moment would lie apart, and the
share of the processors that follows from them could be several times what there is."""


@dataclass(frozen=True)
class Reading:
    at_s: float
    """On the monotonic clock."""
    cpu_s: float | None = None
    """Processor time that the trainer has taken so far; None where the system does not tell."""
    memory_bytes: int | None = None
    """Of the machine's, resident."""
    gpu: GpuUse | None = None


class DeviceMeter(threading.Thread):
    """Measures every `INTERVAL_S`, until it is ended. In a thread of its own, since a driver that hangs must
    not keep the supervisor from renewing the lease."""

    def __init__(self, pid: int, interval_s: float | None = None) -> None:
        super().__init__(name="device meter", daemon=True)
        self.computes_on_gpu = False
        """Set once the job says that its device is one."""
        self._pid = pid
        self._interval_s = INTERVAL_S if interval_s is None else interval_s
        self._ended = threading.Event()
        self._latest: Reading | None = None
        self._gpu: GpuMeter | None = None
        self._has_looked_for_gpu = False

    def take(self) -> Reading | None:
        """The latest reading, unless it has been taken before."""
        latest, self._latest = self._latest, None
        return latest

    def run(self) -> None:
        while not self._ended.wait(self._interval_s):
            if (reading := self.try_to_measure()) is None:
                return
            self._latest = reading

    def end(self) -> None:
        self._ended.set()

    def try_to_measure(self) -> Reading | None:
        """None once the process has exited."""
        for _ in range(READ_TRIES):
            began_s = time.monotonic()
            try:
                cpu_s, memory_bytes = process_use(self._pid)
            except (FileNotFoundError, ProcessLookupError):
                return None
            at_s = time.monotonic()
            if at_s - began_s < READ_WITHIN_S:
                break
        return Reading(at_s, cpu_s, memory_bytes, self._measure_gpu())

    def _measure_gpu(self) -> GpuUse | None:
        if not self.computes_on_gpu:
            return None
        if not self._has_looked_for_gpu:
            self._has_looked_for_gpu = True
            try:
                self._gpu = GpuMeter(os.environ.get("CUDA_VISIBLE_DEVICES"))
            except GpuUnknown as error:
                log.info("what the GPU does is not measured: %s", error)
        return None if self._gpu is None else self._gpu.measure()
