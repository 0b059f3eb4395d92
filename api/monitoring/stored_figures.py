"""What the database knows of jobs, queue and workers, read when Prometheus asks."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import replace

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from jobs.lifecycle.figures import Figures, RunningJob, read_figures
from jobs.store.database import Database
from jobs.store.ownership import may_see

log = logging.getLogger(__name__)

CACHE_S = 1.0
"""Those who ask more often get the same figures."""
TIMEOUT_S = 3.0
"""For the database: Prometheus gives up a scrape after ten seconds by default, and with it the process's own
figures."""

UP_HELP = "Whether the database answered: 1, or 0 and then the figures that it has are missing."


class StoredFigures(Collector):
    """One thread reads, so that a database that hangs holds no more than that, however often it is asked."""

    def __init__(self, database: Database, lease_s: float) -> None:
        self._database = database
        self._lease_s = lease_s
        self._reader = ThreadPoolExecutor(1, "figures")
        self._lock = threading.Lock()
        self._reading: Future[Figures | None] | None = None
        self._began_s = 0.0

    def collect(self) -> Iterator[Metric]:
        figures = self._figures()
        yield GaugeMetricFamily("pretrain_database_up", UP_HELP, value=float(figures is not None))
        if figures is not None:
            # They are read for all who ask, and of jobs everybody gets what they may see.
            yield from families(replace(figures, running=list(filter(may_see, figures.running))))

    def _figures(self) -> Figures | None:
        """None if the database does not answer in time."""
        with self._lock:
            reading = self._reading
            if reading is None or (reading.done() and time.monotonic() - self._began_s >= CACHE_S):
                self._began_s = time.monotonic()
                self._reading = reading = self._reader.submit(self._read)
        try:
            return reading.result(TIMEOUT_S)
        except FutureTimeout:
            return None

    def _read(self) -> Figures | None:
        try:
            with self._database.read() as session:
                return read_figures(session, self._lease_s)
        except SQLAlchemyError as error:
            log.warning("no figures from the database: %s", getattr(error, "orig", None) or error)
            return None


def families(figures: Figures) -> list[Metric]:
    """Every metric of these figures, also those of which there are no values."""
    return [
        labelled(
            "pretrain_jobs",
            "Jobs by status.",
            ["status"],
            (((status,), count) for status, count in figures.jobs.items()),
        ),
        labelled(
            "pretrain_queue_jobs",
            "Queued jobs by queue.",
            ["queue"],
            (((name,), queue.waiting) for name, queue in figures.queues.items()),
        ),
        labelled(
            "pretrain_queue_oldest_job_age_seconds",
            "For how long the queued job has waited that has waited for longest; 0 if none waits.",
            ["queue"],
            (((name,), queue.oldest_age_s) for name, queue in figures.queues.items()),
        ),
        labelled(
            "pretrain_workers",
            "Workers by queue and status: `idle`, `busy`, `hung`, `lost`.",
            ["queue", "status"],
            figures.workers.items(),
        ),
        labelled(
            "pretrain_webhooks",
            "Webhooks by status: `enabled`, `disabled`.",
            ["status"],
            (((status,), count) for status, count in figures.webhooks.items()),
        ),
        labelled(
            "pretrain_webhook_deliveries_pending",
            "Deliveries that have yet to be sent, or sent again.",
            [],
            [((), figures.pending_deliveries)],
        ),
        of_running("step", "Optimizer steps done of a running job.", figures, lambda job: job.step),
        of_running(
            "total_steps", "Steps that a running job has in all.", figures, lambda job: job.total_steps
        ),
        of_running(
            "tokens_per_second", "Training speed of a running job.", figures, lambda job: job.tokens_per_s
        ),
        of_running(
            "train_loss",
            "Last evaluated training loss of a running job, nats per token.",
            figures,
            lambda job: job.train_loss,
        ),
        of_running(
            "val_loss",
            "Last evaluated validation loss of a running job, nats per token.",
            figures,
            lambda job: job.val_loss,
        ),
        of_running(
            "mfu_ratio",
            "Share of its device's peak that a running job computes at (model FLOPs utilization).",
            figures,
            lambda job: job.mfu,
        ),
        of_running(
            "cpu_ratio",
            "Processors that a running job's trainer keeps busy.",
            figures,
            lambda job: as_ratio(job.cpu_percent),
        ),
        of_running(
            "memory_bytes", "Memory of a running job's trainer.", figures, lambda job: job.memory_bytes
        ),
        of_running(
            "gpu_utilization_ratio",
            "Share of the time in which a running job's GPU computes.",
            figures,
            lambda job: as_ratio(job.gpu_utilization),
        ),
        of_running(
            "gpu_memory_bytes",
            "Memory in use on a running job's GPU, by whatever.",
            figures,
            lambda job: job.gpu_memory_bytes,
        ),
        of_running("gpu_power_watts", "Power of a running job's GPU.", figures, lambda job: job.gpu_power_w),
    ]


def of_running(
    name: str, documentation: str, figures: Figures, value_of: Callable[[RunningJob], float | None]
) -> Metric:
    """A metric by job, of running ones alone: there are no more of them than training workers."""
    values = (((job.job_id,), value_of(job)) for job in figures.running)
    return labelled(f"pretrain_job_{name}", documentation, ["job_id"], values)


def as_ratio(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


def labelled(
    name: str,
    documentation: str,
    labels: Sequence[str],
    values: Iterable[tuple[Sequence[str], float | None]],
) -> Metric:
    """A metric with a value for each combination of its labels; those that are None are left out."""
    family = GaugeMetricFamily(name, documentation, labels=labels)
    for combination, value in values:
        if value is not None:
            family.add_metric(combination, value)
    return family
