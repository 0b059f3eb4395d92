"""How long a job takes to begin: from its POST to its first evaluation, on a service that is warm.

    python -m benchmarks.start [--rounds 5]

Starts a whole `pretrain up`, and each round waits until that is warm, with a spare trainer, and posts a tiny
job. Prints the seconds from before the POST to the moment at which the first evaluation was recorded, and how
they divide, as medians. The exit status is 1 if the goal is missed.
"""

import argparse
import statistics
import sys
import time

from benchmarks.service import running_service, timestamp, wait_for_success, wait_until_warm
from client.api.pretrain import Pretrain
from client.local.stack import Stack

GOAL_S = 1.0
POLL_S = 0.1
SPEC = {
    "preset": "tiny",
    "dataset": "sample",
    "tokenizer": "bytes",
    "training": {"max_steps": 5},
    "evaluation": {"eval_freq": 5},
}


def time_start(stack: Stack, client: Pretrain) -> dict[str, float]:
    """Seconds from before a POST until each stage of the job's beginning; the last is `evaluated`.

    The job is waited for to its end.
    """
    wait_until_warm(stack)
    posted_s = time.time()
    job = client.jobs.submit(SPEC)
    stages = {"answered": time.time()}
    job = wait_for_success(stack, client, job, POLL_S)
    events = client.jobs.past_events(job["id"])
    stages["queued"] = timestamp(job["created_at"])
    stages["claimed"] = timestamp(job["started_at"])
    stages["started"] = timestamp(next(e["created_at"] for e in events if e["type"] == "started"))
    stages["evaluated"] = timestamp(client.jobs.losses(job["id"])[0]["recorded_at"])
    return {stage: at_s - posted_s for stage, at_s in sorted(stages.items(), key=lambda item: item[1])}


def median_start(rounds: int) -> dict[str, float]:
    """The stages of `time_start`, as medians over the jobs of a service of its own."""
    with running_service() as (stack, client):
        times = [time_start(stack, client) for _ in range(rounds)]
    return {stage: statistics.median(start[stage] for start in times) for stage in times[0]}


def report(times: dict[str, float]) -> list[str]:
    return [f"{stage:10} {seconds:6.2f} s" for stage, seconds in times.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    times = median_start(parser.parse_args().rounds)
    print("\n".join(report(times)))
    met = times["evaluated"] < GOAL_S
    print(f"from POST to the first evaluation: goal: under {GOAL_S:g} s: {'yes' if met else 'NO'}")
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
