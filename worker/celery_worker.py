"""A Celery worker of one queue, in this very process."""

import os
import sys

from jobs.broker.queue import make_celery
from jobs.process.logs import configure_logging
from jobs.process.pulse import Pulse
from jobs.settings import load_settings_or_exit
from worker.compiler_caches import UnsafeFolder, keep_caches_private
from worker.threads import waiting_briefly


def run_worker(queue: str, pulse_descriptor: int | None = None) -> None:
    """Work until asked to stop.

    queue             `train` or `generate`
    pulse_descriptor  where a watcher hears its signs of life, if there is one
    """
    settings = load_settings_or_exit()
    configure_logging(settings)
    app = make_celery(settings)
    at_once = 1
    if queue == "train":
        from worker.training.task import add_training

        heartbeat = add_training(app, settings)
    else:
        # Before PyTorch and Numba are imported, which read the environment.
        for name, value in waiting_briefly(os.environ).items():
            # What is there stays in its place, from which Celery's title of the process finds its own.
            os.environ.setdefault(name, value)
        try:
            keep_caches_private(settings.data_dir)
        except UnsafeFolder as error:
            sys.exit(str(error))
        from worker.generation.task import THREADS, add_generation

        heartbeat = add_generation(app, settings)
        at_once = THREADS
    if pulse_descriptor is not None:
        # After a lease without a sign of life of its worker no trainer runs: see worker.training.fence.
        good_for_s = settings.lease_s if queue == "train" else heartbeat.silence_limit_s
        Pulse(pulse_descriptor, good_for_s, heartbeat.find_trouble).start()
    # Threads, not processes: the task must hear of the worker's shutdown, and a trainer is tied to the thread
    # that started it, which here lives as long as the worker.
    options = [f"--concurrency={at_once}", "--without-gossip", "--without-mingle", "--loglevel=INFO"]
    app.worker_main(["worker", f"--queues={queue}", f"--hostname={queue}@%h", "--pool=threads", *options])
