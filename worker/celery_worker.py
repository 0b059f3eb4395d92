"""A Celery worker of one queue, in this process."""

import os
import sys

from jobs.broker.queue import make_celery
from jobs.process.logs import configure_logging
from jobs.process.pulse import Pulse
from jobs.settings import load_settings_or_exit
from worker.compiler_caches import UnsafeFolder, use_private_caches
from worker.threads import with_spin_settings


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
        from worker.generation.task import THREADS, add_generation

        heartbeat = add_generation(app, settings)
        concurrency = THREADS
    if pulse_descriptor is not None:
        # No trainer outlives a lease without a renewal by its worker: see worker.training.fence.
        valid_for_s = settings.lease_s if queue == "train" else heartbeat.silence_limit_s
        Pulse(pulse_descriptor, valid_for_s, heartbeat.find_trouble).start()
    # Threads, not processes: the task must hear of the worker's shutdown, and a trainer is tied to the thread
    # that started it, which here lives as long as the worker.
    options = [f"--concurrency={concurrency}", "--without-gossip", "--without-mingle", "--loglevel=INFO"]
    app.worker_main(["worker", f"--queues={queue}", f"--hostname={queue}@%h", "--pool=threads", *options])
