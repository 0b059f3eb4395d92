"""Has this machine's speed measured once, while its worker and all others are idle, and keeps what was found.

It is kept in the data folder, under a name that says of what: host, processor, threads, and the versions of
this service and of PyTorch. Where all of these are the same, nothing is measured again. What was measured
beside other programs would be wrong for good: it is not kept, and measured again later.
"""

import hashlib
import json
import logging
import os
import platform
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from jobs.settings import Settings
from model.estimate.machine import Calibration
from model.storage.atomic import atomic_write
from worker.training.launch import trainer_environment

log = logging.getLogger(__name__)

QUIET_S = 10
"""For so long the worker must have been idle: its spare trainer is ready by then, and what a job that has
just ended leaves behind is done."""
TICK_S = 0.2
TIMEOUT_S = 900
"""It takes seconds; niced beside others that want all processors, many times as long."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 30.0, 600.0
"""Before it is tried again where other programs have kept the machine busy: each time twice as long."""


class Calibrator(threading.Thread):
    """Runs until the machine's speed is known, or the process ends. `on_calibrated` gets what is known of the
    machine, also before its speed is.

    idle_s         for how long the worker has been idle; 0 while it has a job
    first_pause_s  before the second try, where other programs have kept the machine busy
    """

    def __init__(
        self,
        settings: Settings,
        idle_s: Callable[[], float],
        on_calibrated: Callable[[Calibration], object],
        *,
        quiet_s: float = QUIET_S,
        timeout_s: float = TIMEOUT_S,
        first_pause_s: float = FIRST_PAUSE_S,
        module: str = "worker.training.calibration",
    ) -> None:
        super().__init__(name="calibrator", daemon=True)
        self._settings, self._idle_s, self._on_calibrated = settings, idle_s, on_calibrated
        self._quiet_s, self._timeout_s, self._module = quiet_s, timeout_s, module
        self._pause_s = first_pause_s
        self._ended = threading.Event()

    def run(self) -> None:
        file = calibration_file(self._settings)
        calibration = read_calibration(file)
        while calibration is None:
            while self._idle_s() < self._quiet_s:
                if self._ended.wait(TICK_S):
                    return
            calibration, is_failed = self._measure()
            if self._ended.is_set() or is_failed:
                return
            if calibration is not None and calibration.rates:
                keep_calibration(file, calibration)
            elif calibration is not None:
                log.info("other programs keep this machine busy: its speed is measured later")
                self._on_calibrated(calibration)
                calibration = None
                if self._ended.wait(self._pause_s):
                    return
                self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        self._on_calibrated(calibration)

    def end(self) -> None:
        """Kill what measures, if anything does. May come from a signal handler."""
        self._ended.set()

    def _measure(self) -> tuple[Calibration | None, bool]:
        """None if a job came, which it must not disturb; and whether it failed, as it would again."""
        process = subprocess.Popen(
            [sys.executable, "-m", self._module, str(os.getpid())],
            env=trainer_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        waited_s = 0.0
        with process:
            while not self._ended.is_set() and self._idle_s() > 0 and waited_s < self._timeout_s:
                try:
                    output, _ = process.communicate(timeout=TICK_S)
                except subprocess.TimeoutExpired:
                    waited_s += TICK_S
                    continue
                if process.returncode == 0:
                    return Calibration.from_json(json.loads(output)), False
                log.warning("the machine's speed could not be measured: exit status %s", process.returncode)
                return None, True
            process.kill()
        is_overdue = waited_s >= self._timeout_s
        if is_overdue:
            log.warning("the machine's speed could not be measured within %.0f s", self._timeout_s)
        return None, is_overdue


def calibration_file(settings: Settings) -> Path:
    """Where the calibration of this machine, by these versions, is kept."""
    about = [
        socket.gethostname(),
        processor(),
        str(os.cpu_count()),
        str(settings.threads),
        os.environ.get("CUDA_VISIBLE_DEVICES", ""),
        version("pretrain"),
        version("torch"),
    ]
    name = hashlib.sha256("\0".join(about).encode()).hexdigest()[:16]
    return settings.data_dir / "calibrations" / f"{name}.json"


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Its name, as Linux tells it, else as far as Python does."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def read_calibration(file: Path) -> Calibration | None:
    """None if there is none, or none that this version can read."""
    try:
        return Calibration.from_json(json.loads(file.read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep_calibration(file: Path, calibration: Calibration) -> None:
    """For the next workers on this machine. Where it can't be kept, they measure it again."""
    try:
        with atomic_write(file) as kept:
            kept.write(json.dumps(calibration.to_json()).encode())
    except OSError as error:
        log.warning("the calibration could not be kept at %s: %s", file, error)
