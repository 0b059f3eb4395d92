"""A service of real processes, each of which a test can signal, kill and start again on its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
from pydantic import ByteSize
from sqlalchemy import delete, select, update

from jobs.broker.queue import make_redis
from jobs.lifecycle.attempts import UNCLAIMED
from jobs.lifecycle.history import list_evaluations
from jobs.settings import Settings
from jobs.states import TERMINAL, Status
from jobs.store.database import Database, now_s
from jobs.store.events import list_events
from jobs.store.lookup import get_job
from jobs.store.tables import Event, Job, Worker
from migrations.upgrade import upgrade
from tests.backends import free_port
from tests.chaos.invariants import Outcome, outcome_of
from tests.chaos.proxy import Proxy, behind
from tests.client.running import environment_on, processes_of
from tests.waiting import PATIENCE_S, wait_until
from tests.worker.processes import pids_of

INJECTED_PATH = os.pathsep.join([str(Path(__file__).parent / "injection"), str(Path(__file__).parents[2])])
"""PYTHONPATH of a process that may be held, or in which a fault strikes."""
MODULES = {
    "api": ["api"],
    "worker": ["worker", "train", "--unwatched"],  # so that a test's signals reach the worker itself
    "generator": ["worker", "generate", "--unwatched"],
    "preparer": ["worker", "prepare", "--unwatched"],
    "keeper": ["worker.keeper"],
    "watched train": ["worker", "train"],
    "watched generate": ["worker", "generate"],
}
"""What each kind of process runs. Those that are watched are started by the process that watches them."""
QUICK = {
    "lease_s": 10.0,
    "renew_s": 0.5,
    "keeper_s": 0.5,
    "stop_grace_s": 30.0,
    "stall_s": 10.0 * PATIENCE_S,  # a trainer that a test holds reports nothing
    "threads": 1,
}


class Process:
    """A process of the service, in a session of its own, with its output in a file.

    is_usual  whether nothing was asked of it but what its kind does
    """

    def __init__(
        self, name: str, command: list[str], environment: dict[str, str], log: Path, *, is_usual: bool
    ) -> None:
        self.name = name
        self.log = log
        self.is_usual = is_usual
        self._command = command
        self._environment = environment
        self._logged_before = 0
        self.start()

    @property
    def logged(self) -> str:
        """What it has logged since the test began."""
        return self.log.read_bytes()[self._logged_before :].decode(errors="replace")

    def begin_test(self) -> None:
        self._logged_before = self.log.stat().st_size

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                self._command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    def send(self, number: signal.Signals) -> None:
        """To this process alone, not to its children."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL, and wait for the end. What it started is left to itself."""
        self.send(signal.SIGKILL)
        self._popen.wait()

    def kill_group(self) -> None:
        """SIGKILL for it and all that it started in its session (the API's own worker, say)."""
        os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()

    def terminate(self) -> int:
        """SIGTERM, and the exit status."""
        self.send(signal.SIGTERM)
        return self._popen.wait(120)

    def close(self) -> None:
        if self.alive:
            self.send(signal.SIGCONT)
            self.kill_group()


class Hold:
    """A place at which trainers wait: see sitecustomize.py.

    variables  of the environment of processes whose trainers know of it
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.variables = {"PYTHONPATH": INJECTED_PATH, "CHAOS_HOLD": str(file)}

    def at(self, place: str) -> None:
        written = self._file.with_suffix(".written")
        written.write_text(place)
        written.replace(self._file)

    def end(self) -> None:
        self._file.unlink(missing_ok=True)


class Service:
    """API, training workers and keepers on one database and one Redis, with short leases.

    workers, keepers  how many are started; workers train
    generators        workers that answer prompts
    preparers         workers that prepare texts
    database_url      None: SQLite in the folder
    links             proxies by which its processes, though not the test, reach what a setting names:
                      `{"redis_url": proxy}`
    variables         settings of all its processes, by their names in `Settings`, over QUICK
    """

    def __init__(
        self,
        folder: Path,
        *,
        database_url: str | None,
        redis_url: str,
        workers: int = 1,
        keepers: int = 1,
        generators: int = 0,
        preparers: int = 0,
        links: Mapping[str, Proxy] = {},
        **variables: Any,
    ) -> None:
        folder.mkdir()
        self.folder = folder
        values: dict[str, Any] = {
            "data_dir": folder / "data",
            "database_url": database_url,
            "redis_url": redis_url,
            "port": free_port(),
            "max_job_memory": ByteSize(64 * 2**30),
            **QUICK,
            **variables,
        }
        self.settings = Settings(**values)
        self.database = Database(self.settings.database)
        self.processes: list[Process] = []
        self._spawned = 0
        self._counts = {"api": 1, "worker": workers, "generator": generators, "keeper": keepers}
        self._counts["preparer"] = preparers
        values |= {name: behind(link, values[name]) for name, link in links.items()}
        settings = {
            f"PRETRAIN_{name.upper()}": str(value) for name, value in values.items() if value is not None
        }
        self._hold = Hold(folder / "hold")
        self._environment = environment_on(
            self.settings.data_dir,
            **settings,
            **self._hold.variables,
            OMP_NUM_THREADS="1",
            PYTHONUNBUFFERED="1",
        )

    def start(self) -> None:
        """Migrate, start everything, and wait until the API answers and every worker listens."""
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        upgrade(self.database)
        self._complete()

    def restore(self) -> None:
        """Make it again what it was after `start`, for the next test: what runs since is ended, what has died
        is started, and no job or prompt waits or runs. What has ended stays on record."""
        self.let_go()
        for process in self.processes:
            if process.alive:
                process.send(signal.SIGCONT)
        with self.database.read() as session:
            is_at_rest = not list(session.scalars(select(Job.id).where(Job.status.not_in(TERMINAL))))
        usual = [
            process
            for kind, count in self._counts.items()
            for process in [process for process in self.of_kind(kind) if process.is_usual][:count]
            if is_at_rest or kind != "worker"
        ]
        for process in self.processes:
            if process not in usual:
                process.close()
        self.processes = usual
        with self.database.write() as session:
            left = update(Job).where(Job.status.not_in(TERMINAL))
            session.execute(
                left.values(status=Status.CANCELLED, stopping=None, finished_at=now_s(), **UNCLAIMED)
            )
            session.execute(delete(Worker).where(Worker.pid.not_in([process.pid for process in usual])))
        with make_redis(self.settings) as redis:
            for key in redis.scan_iter("pretrain:generation-*"):  # of prompts that nobody waits for now
                redis.delete(key)
        self._complete()
        for process in usual:
            process.begin_test()

    def _complete(self) -> None:
        """Start what is missing, and wait until all of it works."""
        for kind, count in self._counts.items():
            for _ in range(count - len(self.of_kind(kind))):
                self.spawn(kind)
        if self._counts["api"]:
            self.wait_for_api()
        listening = sum(self._counts[kind] for kind in ("worker", "generator", "preparer"))
        wait_until(lambda: self._idle_workers() == listening, "the workers listened")

    def _idle_workers(self) -> int:
        return sum(worker["status"] == "idle" for worker in self.live_workers())

    def spawn(self, kind: str, **variables: str) -> Process:
        """Start one more of MODULES; `variables` are of its environment alone."""
        self._spawned += 1
        process = Process(
            f"{kind}-{self._spawned}",
            [sys.executable, "-m", *MODULES[kind]],
            {**self._environment, **variables},
            self.folder / f"{self._spawned}-{kind}.log",
            is_usual=not variables,
        )
        self.processes.append(process)
        return process

    def spawn_injected(self, kind: str, **injection: Any) -> Process:
        """Start one more process in which, or in whose trainers, a fault strikes: see sitecustomize.py.

        It knows trainers by the command they were started with, which a spare one's is not.
        """
        return self.spawn(
            kind,
            PYTHONPATH=INJECTED_PATH,
            CHAOS_INJECT=json.dumps(injection, default=str),
            PRETRAIN_SPARE_TRAINER="false",
        )

    def close(self) -> None:
        for process in self.processes:
            process.close()
        wait_until(lambda: not processes_of(self.settings.data_dir), "all processes were gone")
        self.database.close()

    def of_kind(self, kind: str) -> list[Process]:
        """The living processes of a kind, oldest first."""
        return [process for process in self.processes if process.name.startswith(kind) and process.alive]

    @property
    def api(self) -> Process:
        return self.of_kind("api")[0]

    @property
    def worker(self) -> Process:
        """The oldest living worker."""
        return self.of_kind("worker")[0]

    @property
    def keeper(self) -> Process:
        return self.of_kind("keeper")[0]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    def wait_for_api(self) -> None:
        wait_until(self._answers, "the API answered")

    def _answers(self) -> bool:
        try:
            return self.request("GET", "/healthz").status_code == 200
        except httpx2.TransportError:
            return False

    def request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        return httpx2.request(
            method, self.url + path, timeout=PATIENCE_S, trust_env=False, verify=False, **options
        )

    def live_workers(self) -> list[dict[str, Any]]:
        """The records of `GET /workers` that are idle or busy."""
        from jobs.lifecycle.workers import list_workers

        with self.database.read() as session:
            states = list_workers(session, self.settings.lease_s)
        return [
            {"id": state.worker.id, "status": state.status}
            for state in states
            if state.status in ("idle", "busy")
        ]

    def post(self, spec: dict[str, Any]) -> str:
        """Post a job; its id."""
        answer = self.request("POST", "/jobs", json=spec)
        assert answer.status_code == 201, answer.text
        job_id: str = answer.json()["id"]
        return job_id

    def job(self, job_id: str) -> Job:
        with self.database.read() as session:
            return get_job(session, job_id)

    def events(self, job_id: str, kind: str | None = None) -> list[Event]:
        with self.database.read() as session:
            events = list_events(session, job_id)
        return [event for event in events if kind in (None, event.type)]

    def steps(self, job_id: str) -> list[int]:
        """The evaluated steps on record."""
        with self.database.read() as session:
            return [row.step for row in list_evaluations(session, job_id)]

    def wait_for_step(self, job_id: str, step: int) -> None:
        """Wait until the evaluation of `step` (or a later one) stands."""
        wait_until(lambda: (self.steps(job_id) or [-1])[-1] >= step, f"step {step} was evaluated")

    def hold(self, step: int) -> None:
        """Have trainers wait, from now on, once the evaluation of `step` stands: at the end of the next step
        at the latest. A small job is over within seconds, and one that a test means to strike must not be,
        however late the test comes to it. They go on after `let_go`, or if they are told to stop."""
        self._hold.at(str(step))

    def let_go(self) -> None:
        self._hold.end()

    def wait_for_status(self, job_id: str, *statuses: str) -> Job:
        wait_until(lambda: self.job(job_id).status in statuses, f"the job was {' or '.join(statuses)}")
        return self.job(job_id)

    def trainer_pid(self, job_id: str) -> int:
        """The process that trains the job, once there is one."""
        (pid,) = wait_until(lambda: pids_of(f"worker.trainer {job_id}"), "a trainer ran")
        return pid

    def outcome(self, job_id: str) -> Outcome:
        """What the job has come to, to be held against its reference."""
        return outcome_of(self.database, self.settings.artifacts, job_id)
