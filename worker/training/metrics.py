"""A job's device metrics: what its trainer takes and how fast it is, recorded in the name of its attempt."""

import logging
import time
from typing import Any

from sqlalchemy.orm import Session

from jobs.lifecycle.metrics import elapsed_before, record_metrics
from jobs.lifecycle.workers import machine_of
from jobs.spec.stored_specs import UnreadableSpec, read_spec
from jobs.store.lookup import NotFound, get_job
from jobs.store.tables import Job, Worker
from jobs.store.tokenizers import get_tokenizer
from model.config import Run
from model.estimate.parameters import training_flops_per_token
from model.tokenizers import TOKENIZERS
from worker.training.device_meter import DeviceMeter, Reading
from worker.training.peak_flops import peak_flops

log = logging.getLogger(__name__)


class JobMetrics:
    """Of one attempt, whose trainer has that process id."""

    def __init__(self, job: Job, pid: int) -> None:
        self._job = job
        self._meter = DeviceMeter(pid)
        self._began_s = time.monotonic()
        self._last = self._meter.try_to_measure()
        """The reading of the latest row, or at the start: a prewarmed trainer has computed before."""
        self._elapsed_before_s: float | None = None
        self._readings_to_skip = 0
        self._flops_per_token: float | None = None
        self._cpu_flops: float | None = None

    def start(self) -> None:
        self._meter.start()

    def end(self) -> None:
        self._meter.end()

    def record(self, session: Session) -> None:
        """Add a row if there is a reading that is due. It is for the transaction that renews the lease, which
        it costs one more statement or two. raises Fenced"""
        reading = self._meter.take()
        if reading is None:
            return
        if self._readings_to_skip > 0:
            self._readings_to_skip -= 1
            return
        job = get_job(session, self._job.id)
        if self._elapsed_before_s is None:
            self._elapsed_before_s = elapsed_before(session, job.id)
            self._flops_per_token = flops_per_token(session, job)
        self._meter.computes_on_gpu = (job.device or "").startswith("cuda")
        if job.device == "cpu" and self._cpu_flops is None:
            self._cpu_flops = calibrated_flops(session, job)
        elapsed_s = self._elapsed_before_s + reading.at_s - self._began_s
        interval = record_metrics(
            session, job.id, job.attempt, {"elapsed_s": elapsed_s, **self._values(job, reading)}
        )
        self._readings_to_skip = interval - 1
        self._last = reading

    def _values(self, job: Job, reading: Reading) -> dict[str, Any]:
        values: dict[str, Any] = {
            "step": job.step,
            "tokens_per_s": job.tokens_per_s,
            "cpu_percent": cpu_percent(self._last, reading),
            "memory_bytes": reading.memory_bytes,
            "mfu": self._mfu(job, self._cpu_flops),
        }
        if (gpu := reading.gpu) is not None:
            values |= {
                "mfu": self._mfu(job, peak_flops(gpu.name, job.numerics or "")),
                "gpu_utilization": gpu.utilization,
                "gpu_memory_bytes": gpu.memory_bytes,
                "gpu_power_w": gpu.power_w,
            }
        return values

    def _mfu(self, job: Job, peak: float | None) -> float | None:
        if peak is None or self._flops_per_token is None or job.tokens_per_s is None:
            return None
        return job.tokens_per_s * self._flops_per_token / peak


def cpu_percent(before: Reading | None, after: Reading) -> float | None:
    """Of one core: two that are busy are 200."""
    if before is None or before.cpu_s is None or after.cpu_s is None or after.at_s <= before.at_s:
        return None
    return 100 * (after.cpu_s - before.cpu_s) / (after.at_s - before.at_s)


def calibrated_flops(session: Session, job: Job) -> float | None:
    """FLOP/s of matrix products in the job's numerics, as its worker has measured them on its CPU: nobody
    publishes a peak for what cores, memory and cooling make of one. None where it has not yet, or with
    another number of threads."""
    worker = session.get(Worker, job.worker)
    calibration = None if worker is None else machine_of(worker).calibration
    if calibration is None or calibration.device != "cpu" or calibration.threads != job.threads:
        return None
    rates = calibration.rates.get(job.numerics or "")
    return None if rates is None else rates.flops_per_s


def flops_per_token(session: Session, job: Job) -> float | None:
    """None where the stored spec, or its tokenizer's vocabulary, is no longer known."""
    try:
        run: Run = read_spec(job.spec)
        if run.tokenizer not in TOKENIZERS:
            vocab_size = get_tokenizer(session, run.tokenizer).vocab_size
            if vocab_size is None:
                return None
            run = run.with_vocab_size(vocab_size)
        return training_flops_per_token(run.gpt)
    except (UnreadableSpec, NotFound):
        return None
