"""What a job's log and its device metrics cost.

    python -m benchmarks.observing

Processor time, which other programs on the machine hardly change, of each of the things that are done again
and again: medians, and what they come to as a share of the time between two, as if each held up the training.
Prints markdown for `benchmarks/LOG.md`; the exit status is 1 if all together take more than the goal.
"""

import io
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from jobs.files.layout import log_directory
from jobs.files.trainer_logs import end_of_log, read_log, readable
from jobs.lifecycle.attempts import claim, renew_lease
from jobs.lifecycle.submission import submit
from jobs.process.logs import configure_logging
from jobs.settings import Settings
from jobs.spec.parsing import parse_spec
from jobs.store.database import Database
from migrations.upgrade import upgrade
from worker.process_use import process_use
from worker.training.device_meter import INTERVAL_S as READING_S
from worker.training.device_meter import Reading
from worker.training.log_file import INTERVAL_S as LOOK_S
from worker.training.log_file import LogFile
from worker.training.metrics import JobMetrics
from worker.training.trainer_process import FOLLOW_INTERVAL_S

GOAL = 0.005
ROUNDS = 200
LINE = "step 5: train loss 8.1025, validation loss 8.3000"


def processor_s(action: Callable[[], object]) -> float:
    """Of this thread; the median."""
    seconds = []
    for _ in range(ROUNDS):
        began_s = time.thread_time()
        action()
        seconds.append(time.thread_time() - began_s)
    return statistics.median(seconds)


def line_s(log_format: str) -> float:
    """To write a line of a log that goes nowhere."""
    configure_logging(Settings(log_format=log_format))
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(io.StringIO())
    return processor_s(lambda: logging.getLogger("worker.training.progress_log").info(LINE))


def measure(folder: Path) -> dict[str, tuple[float, float]]:
    """By what is done, processor time in seconds, and the seconds between two."""
    settings = Settings(data_dir=folder)
    database = Database(settings.database)
    upgrade(database)
    job_id = submit(database, settings, parse_spec({"preset": "tiny", "dataset": "sample"}))[0].id
    with database.write() as session:
        job = claim(session, job_id, "benchmark", lease_s=30)
    assert job is not None
    metrics = JobMetrics(job, os.getpid())

    def renew() -> None:
        with database.write() as session:
            renew_lease(session, job.id, job.attempt, 30)

    def renew_and_record() -> None:
        metrics._meter._latest = Reading(time.monotonic(), *process_use(os.getpid()))
        with database.write() as session:
            renew_lease(session, job.id, job.attempt, 30)
            metrics.record(session)

    log_folder = log_directory(settings.artifacts, job.id, job.attempt)
    descriptor = os.open(os.devnull, os.O_WRONLY)
    log_file = LogFile(log_folder, [descriptor])
    os.write(descriptor, f"{LINE}\n".encode() * 1000)

    def follow() -> None:
        end = end_of_log(log_folder, whole_lines=True)
        list(readable(read_log(log_folder, end - len(LINE), end)))

    return {
        "a reading of processor and memory": (processor_s(lambda: process_use(os.getpid())), READING_S),
        "its row, with the lease": (processor_s(renew_and_record) - processor_s(renew), READING_S),
        "a look whether the log is to be rotated": (processor_s(log_file.rotate_if_full), LOOK_S),
        "a look for what is new in it": (processor_s(follow), FOLLOW_INTERVAL_S),
    }


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(Path(folder))
    print("| what | processor time | share of the time between two |\n| --- | ---: | ---: |")
    for what, (seconds, between_s) in measured.items():
        print(f"| {what} | {1e6 * seconds:,.0f} µs | {100 * seconds / between_s:.4f}% |")
    total = sum(seconds / between_s for seconds, between_s in measured.values())
    print(f"| all of them | | {100 * total:.4f}% |")
    for log_format in ("text", "json"):
        print(f"| a line of a log, {log_format} | {1e6 * line_s(log_format):,.0f} µs | |")
    return int(total > GOAL)


if __name__ == "__main__":
    sys.exit(main())
