"""A Celery worker of one queue, in this process."""

import logging
import os
import sys

from redis import RedisError

from jobs.broker.generation import announce_start
from jobs.broker.queue import make_celery, make_redis
from jobs.process.logs import add_process_fields, configure_logging
from jobs.process.pulse import Pulse
from jobs.settings import Settings, load_settings_or_exit
from worker.compiler_caches import UnsafeFolder, use_private_caches
from worker.threads import with_spin_settings

log = logging.getLogger(__name__)


def announce_start_if_possible(settings: Settings) -> None:
    """Before PyTorch is imported, so that hardly any prompt finds neither a worker nor one that is coming."""
    try:
        announce_start(make_redis(settings))
    except RedisError as error:
        log.warning("the broker does not answer: %s", error)


def run_worker(queue: str, pulse_descriptor: int | None = None) -> None:
    """Work until asked to stop.

    queue             `train`, `generate` or `prepare`
    pulse_descriptor  the pipe to the watchdog, if there is one
    """
    settings = load_settings_or_exit()
    configure_logging(settings)
    app = make_celery(settings)
    concurrency = 1
    if queue == "train":
        from worker.training.task import add_training

        heartbeat = add_training(app, settings)
    elif queue == "prepare":
        from worker.preparation.task import add_preparation

        heartbeat = add_preparation(app, settings)
    else:
        # Before PyTorch and Numba are imported, which read the environment.
        for name, value in with_spin_settings(os.environ).items():
            # Variables that are set stay where they are: Celery finds room for the process title by them.
            os.environ.setdefault(name, value)
        try:
            use_private_caches(settings.data_dir)
        except UnsafeFolder as error:
            sys.exit(str(error))
        announce_start_if_possible(settings)
        from worker.generation.task import THREADS, add_generation

        heartbeat = add_generation(app, settings)
        concurrency = THREADS
    add_process_fields(worker=heartbeat.worker_id)
    if pulse_descriptor is not None:
        # No trainer outlives a lease without a renewal by its worker: see worker.training.fence.
        valid_for_s = settings.lease_s if queue == "train" else heartbeat.silence_limit_s
        Pulse(pulse_descriptor, valid_for_s, heartbeat.find_trouble).start()
    # Threads, not processes: the task must hear of the worker's shutdown, and a trainer is tied to the thread
    # that started it, which here lives as long as the worker.
    options = [f"--concurrency={concurrency}", "--without-gossip", "--without-mingle", "--loglevel=INFO"]
    # Celery prints a banner, which is no JSON.
    quiet = ["--quiet"] if settings.log_format == "json" else []
    app.worker_main(
        [*quiet, "worker", f"--queues={queue}", f"--hostname={queue}@%h", "--pool=threads", *options]
    )
