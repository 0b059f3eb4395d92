"""What a row of device metrics has, from readings that are given."""

import os

import pytest

from jobs.lifecycle.history import record_progress
from jobs.lifecycle.metrics import list_metrics
from jobs.settings import Settings
from jobs.spec.parsing import parse_spec
from jobs.store.database import Database
from jobs.store.lookup import get_job
from jobs.store.tables import DeviceMetrics, Job
from model.estimate.machine import Calibration
from model.estimate.parameters import training_flops_per_token
from tests.jobs.making import CALIBRATION, announce_worker, ready_tokenizer, running_job
from worker.training.device_meter import Reading
from worker.training.gpu_meter import GpuUse
from worker.training.metrics import JobMetrics, cpu_percent, flops_per_token

pytestmark = pytest.mark.sqlite_will_do

A100 = GpuUse("NVIDIA A100-SXM4-80GB", utilization=98.0, memory_bytes=2**35, power_w=390.5)


@pytest.fixture
def job(database: Database, settings: Settings) -> Job:
    return running_job(database, settings)


class Given:
    """Metrics of a job whose meter reads what it is given."""

    def __init__(self, database: Database, job: Job) -> None:
        self.database, self.job = database, job
        self.metrics = JobMetrics(job, os.getpid())
        self.began_s = self.metrics._began_s

    def record(self, after_s: float, **reading: object) -> None:
        self.metrics._meter._latest = Reading(self.began_s + after_s, **reading)  # type: ignore[arg-type]
        with self.database.write() as session:
            self.metrics.record(session)

    def rows(self) -> list[DeviceMetrics]:
        with self.database.read() as session:
            return list_metrics(session, self.job.id)


def test_processor_time_is_that_since_the_row_before(database: Database, job: Job) -> None:
    given = Given(database, job)
    given.record(5, cpu_s=100.0, memory_bytes=7)
    given.record(10, cpu_s=109.0)
    given.record(15)
    first, second, third = given.rows()
    assert (first.elapsed_s, second.elapsed_s) == (pytest.approx(5), pytest.approx(10))
    assert (second.cpu_percent, first.memory_bytes, third.cpu_percent) == (pytest.approx(180), 7, None)


def test_without_a_new_reading_there_is_no_row(database: Database, job: Job) -> None:
    given = Given(database, job)
    given.record(5)
    with database.write() as session:
        given.metrics.record(session)
    assert len(given.rows()) == 1


def test_an_attempt_goes_on_in_time_where_the_one_before_ended(database: Database, job: Job) -> None:
    Given(database, job).record(5)
    Given(database, job).record(2)
    assert [row.elapsed_s for row in Given(database, job).rows()] == [pytest.approx(5), pytest.approx(7)]


def test_mfu_is_the_models_operations_as_a_share_of_the_gpus_peak(database: Database, job: Job) -> None:
    with database.write() as session:
        progress = {"tokens_per_s": 1e6, "device": "cuda", "numerics": "bfloat16"}
        record_progress(session, job.id, job.attempt, **progress)
    given = Given(database, job)
    given.record(5, gpu=A100)
    [row] = given.rows()
    per_token = training_flops_per_token(parse_spec({"preset": "tiny", "dataset": "sample"}).gpt)
    assert row.mfu == pytest.approx(1e6 * per_token / 312e12)
    assert (row.gpu_utilization, row.gpu_memory_bytes, row.gpu_power_w) == (98.0, 2**35, 390.5)
    assert given.metrics._meter.computes_on_gpu


@pytest.mark.parametrize(
    ("calibration", "numerics", "threads", "is_known"),
    [
        (CALIBRATION, "float32", CALIBRATION.threads, True),
        (CALIBRATION, "reference", CALIBRATION.threads, False),
        (CALIBRATION, "float32", CALIBRATION.threads + 1, False),
        (None, "float32", CALIBRATION.threads, False),
    ],
)
def test_on_a_cpu_mfu_is_of_the_rate_of_products_that_its_worker_has_measured(
    database: Database,
    job: Job,
    calibration: Calibration | None,
    numerics: str,
    threads: int,
    is_known: bool,
) -> None:
    measured = calibration and calibration.to_json()
    announce_worker(database, "train", id="worker-1", device="cpu", calibration=measured)
    with database.write() as session:
        progress = {"tokens_per_s": 1e4, "device": "cpu", "numerics": numerics, "threads": threads}
        record_progress(session, job.id, job.attempt, **progress)
    given = Given(database, job)
    given.record(5)
    [row] = given.rows()
    per_token = training_flops_per_token(parse_spec({"preset": "tiny", "dataset": "sample"}).gpt)
    rate = CALIBRATION.rates["float32"].flops_per_s
    assert row.mfu == (pytest.approx(1e4 * per_token / rate) if is_known else None)


def test_the_operations_of_a_model_with_a_tokenizer_of_ones_own_follow_from_its_vocabulary(
    database: Database, settings: Settings
) -> None:
    tokenizer = ready_tokenizer(database, settings)
    job = running_job(database, settings, tokenizer=tokenizer.id)
    assert tokenizer.vocab_size is not None
    spec = parse_spec({"preset": "tiny", "dataset": "sample"}).with_vocab_size(tokenizer.vocab_size)
    with database.read() as session:
        assert flops_per_token(session, get_job(session, job.id)) == training_flops_per_token(spec.gpt)


def test_a_spec_that_can_not_be_read_has_no_operations(database: Database, job: Job) -> None:
    job.spec = {"model": "none"}
    with database.read() as session:
        assert flops_per_token(session, job) is None


def test_no_time_has_no_share() -> None:
    assert cpu_percent(None, Reading(1.0, 1.0)) is None
    assert cpu_percent(Reading(1.0, 1.0), Reading(1.0, 2.0)) is None
