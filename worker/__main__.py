"""`python -m worker train`, `generate` or `prepare`: a Celery worker of that queue.

The worker runs as a child of this process, which watches it: see worker.watchdog. With `--unwatched`, or with
the options that a watchdog gives its child, it is this process.
"""

import argparse
import sys


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m worker", description=__doc__)
    parser.add_argument("queue", choices=["train", "generate", "prepare"])
    parser.add_argument("--unwatched", action="store_true", help="run the worker in this process")
    parser.add_argument("--pulse-fd", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--parent-pid", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.pulse_fd is None and not arguments.unwatched:
        from worker.watchdog import run_watched

        sys.exit(run_watched(arguments.queue))
    if arguments.parent_pid is not None:
        from jobs.process.parent_death import die_with_parent

        die_with_parent(arguments.parent_pid)

    from worker.celery_worker import run_worker

    run_worker(arguments.queue, arguments.pulse_fd)


if __name__ == "__main__":
    main()
