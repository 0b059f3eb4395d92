"""What a job's trainer takes of its machine, as the API shows it."""

from api.records.record import Record, Time, from_row
from jobs.store.tables import DeviceMetrics


class DeviceMetricsRecord(Record):
    """What a trainer took of its machine at one moment. What can't be measured there is null."""

    attempt: int
    step: int
    """Updates done."""
    elapsed_s: float
    """For how long the job's attempts had run, without pauses and waiting."""
    tokens_per_s: float | None
    mfu: float | None
    """Model FLOPs utilization (Chowdhery et al. 2022, appendix B): the model's operations a second as a share
    of the GPU's published peak for the numerics of the job; on the CPU, of the rate of matrix products that
    the worker has measured (`calibration` of `GET /workers`). Null where neither is known."""
    cpu_percent: float | None
    """Processor time since the row before, in percent of one core: two busy ones are 200."""
    memory_bytes: int | None
    """The trainer's resident memory."""
    gpu_utilization: float | None
    """Percent of the moments before in which the GPU computed something."""
    gpu_memory_bytes: int | None
    """In use on the GPU, by whatever."""
    gpu_power_w: float | None
    recorded_at: Time


def device_metrics_record(metrics: DeviceMetrics) -> DeviceMetricsRecord:
    return from_row(DeviceMetricsRecord, metrics)
