"""`python -m tests.chaos.soak`: many jobs, killed workers, a broker that comes and goes, for minutes.

Jobs are posted at random moments; every 15 s one of the workers is killed, and Redis is restarted and emptied
now and then. In the end everything is left to finish: each job must have succeeded exactly once, with the
weights, losses and samples of an undisturbed run, and nothing may be left over.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from jobs.states import TERMINAL, Status
from tests.backends import PostgresServer, RedisServer, running_postgres, running_redis
from tests.chaos.faults import Fault
from tests.chaos.reference import Reference, compute, small
from tests.chaos.service import Service
from tests.client.running import processes_of
from tests.waiting import wait_until
from tests.worker.processes import parent_of

WORKERS = 3
KILL_EVERY_S = 15
BROKER_EVERY_S = (20, 60)
POSTED_BY = 0.85
"""Share of the time by which all jobs have been posted."""
DRAIN_S = 900


class Soak:
    """A service, the jobs posted to it, and what was done to them."""

    def __init__(self, service: Service, redis: RedisServer, seed: int) -> None:
        self.service = service
        self.redis = redis
        self.chosen = random.Random(seed)
        self.specs: dict[str, dict[str, Any]] = {}
        self.kills = self.restarts = self.flushes = 0

    def post(self) -> None:
        # Three courses, so that there are three references to compute.
        spec = small(training={"num_epochs": 20, "seed": self.chosen.randrange(3)})
        self.specs[self.service.post(spec)] = spec

    def kill_a_worker(self) -> None:
        self.chosen.choice(self.service.of_kind("worker")).kill()
        self.kills += 1
        self.service.spawn("worker")

    def disturb_the_broker(self) -> None:
        if self.chosen.random() < 0.5:
            self.redis.stop()
            self.redis.start()
            self.restarts += 1
        else:
            try:
                Redis.from_url(self.redis.url).flushall()
            except RedisError as error:
                raise SystemExit(f"Redis cannot be emptied: {error}") from error
            self.flushes += 1

    def run(self, seconds: float, jobs: int) -> None:
        """Post, kill and disturb for `seconds`."""
        started_s = time.monotonic()
        posts = sorted(self.chosen.uniform(0, POSTED_BY * seconds) for _ in range(jobs))
        kills = [KILL_EVERY_S * (n + 1) for n in range(int(seconds / KILL_EVERY_S))]
        disturbances = []
        moment = 0.0
        while (moment := moment + self.chosen.uniform(*BROKER_EVERY_S)) < seconds:
            disturbances.append(moment)
        plan = [(at, self.post) for at in posts] + [(at, self.kill_a_worker) for at in kills]
        plan += [(at, self.disturb_the_broker) for at in disturbances]
        for at, act in sorted(plan, key=lambda entry: entry[0]):
            time.sleep(max(0.0, started_s + at - time.monotonic()))
            act()
            if act == self.kill_a_worker:
                print(f"{time.monotonic() - started_s:5.0f} s  {self.progress()}", flush=True)

    def progress(self) -> str:
        statuses = [self.service.job(job_id).status for job_id in self.specs]
        counts = ", ".join(f"{statuses.count(status)} {status}" for status in Status if status in statuses)
        return f"{counts}; {self.kills} kills, {self.restarts} restarts, {self.flushes} times emptied"

    def drain(self) -> None:
        """Wait until every job has ended."""
        deadline_s = time.monotonic() + DRAIN_S
        while not all(self.service.job(job_id).status in TERMINAL for job_id in self.specs):
            if time.monotonic() > deadline_s:
                print(f"not drained within {DRAIN_S} s: {self.progress()}")
                return
            time.sleep(1)

    def check(self, folder: Path) -> Fault:
        """Hold every job against its reference, and look for what is left over."""
        fault = Fault(24)
        references: dict[int, Reference] = {}
        for job_id, spec in self.specs.items():
            seed = spec["training"]["seed"]
            if seed not in references:
                references[seed] = compute(spec, folder / f"reference-{seed}")
            outcome = self.service.outcome(job_id)
            outcome.check(fault, references[seed])
            fault.expect(outcome.statuses.count(Status.SUCCEEDED) == 1, f"job {job_id} did not succeed once")
        living = processes_of(self.service.settings.data_dir)
        trainers = [command for command in living.values() if "worker.trainer" in command]
        fault.expect(not trainers, f"trainers outlived their jobs: {trainers}")
        known = {process.pid for process in self.service.processes}
        spares = {
            pid
            for pid, command in living.items()
            if "worker.training.prewarm" in command and parent_of(pid) in known
        }
        orphans = {
            pid: command
            for pid, command in living.items()
            if group_of(pid) not in known and pid not in spares
        }
        fault.expect(not orphans, f"processes without a parent: {orphans}")
        for worker in self.service.of_kind("worker"):
            status = worker.terminate()
            fault.expect(status == 0, f"{worker.name} ended with {status}")
        for process in self.service.of_kind("keeper"):
            process.kill()
        self.service.spawn("keeper")  # which tidies when it starts
        for job_id in self.specs:
            wait_until(lambda job_id=job_id: not self.service.outcome(job_id).unlisted, "files were tidied")
        return fault


def group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None  # it has ended


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--jobs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)))
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="postgresql")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}; {arguments.jobs} jobs, {WORKERS} workers, {arguments.minutes:g} minutes")
    with tempfile.TemporaryDirectory() as name, running_redis(standalone=True) as redis:
        folder = Path(name)
        if arguments.database == "sqlite":
            violations = soak(arguments, folder, redis, None)
        else:
            with running_postgres() as postgres:
                violations = soak(arguments, folder, redis, postgres)
    sys.exit(1 if violations else 0)


def soak(
    arguments: argparse.Namespace, folder: Path, redis: RedisServer, postgres: PostgresServer | None
) -> list[str]:
    url = None if postgres is None else postgres.make_database()
    options = {"database_url": url, "redis_url": redis.url, "workers": WORKERS, "keepers": 2}
    service = Service(folder / "service", **options)
    try:
        service.start()
        under = Soak(service, redis, arguments.seed)
        under.run(60 * arguments.minutes, arguments.jobs)
        under.drain()
        print(f"drained  {under.progress()}")
        fault = under.check(folder)
    finally:
        service.close()
    print(
        "\n".join(fault.violations) or f"all {len(under.specs)} jobs succeeded exactly once; nothing is left"
    )
    return fault.violations


if __name__ == "__main__":
    main()
