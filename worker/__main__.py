"""`python -m worker train` and `python -m worker generate`: a Celery worker of that queue."""

import argparse
import os
import sys

from jobs.logs import configure_logging
from jobs.queue import make_celery
from jobs.settings import load_settings_or_exit
from worker.compiler_caches import UnsafeFolder, keep_caches_private
from worker.openmp import waiting_briefly


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m worker", description=__doc__)
    parser.add_argument("queue", choices=["train", "generate"])
    queue = parser.parse_args().queue
    settings = load_settings_or_exit()
    configure_logging(settings)
    app = make_celery(settings)
    at_once = 1
    if queue == "train":
        from worker.training_task import add_training

        add_training(app, settings)
    else:
        # Before PyTorch and Numba are imported, which read the environment.
        os.environ.update(waiting_briefly(os.environ))
        try:
            keep_caches_private(settings.data_dir)
        except UnsafeFolder as error:
            sys.exit(str(error))
        from worker.generation_task import add_generation

        add_generation(app, settings)
        at_once = settings.prompts_at_once
    # Threads, not processes: the task must hear of the worker's shutdown, and a trainer is tied to the thread
    # that started it, which here lives as long as the worker.
    options = [f"--concurrency={at_once}", "--without-gossip", "--without-mingle", "--loglevel=INFO"]
    app.worker_main(["worker", f"--queues={queue}", f"--hostname={queue}@%h", "--pool=threads", *options])


if __name__ == "__main__":
    main()
