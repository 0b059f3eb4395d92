"""The local stack: broker, migrations, API, workers and keeper as child processes of `pretrain up`.

All of it is done by the main thread, because children die with the thread that has started them
(jobs.process.parent_death). Code that waits for something else meanwhile calls `Stack.supervise`.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Collection
from functools import partial
from typing import TextIO

from client.errors import ClientError
from client.local import valkey
from client.local.probe import api_responds
from client.local.process import Process
from client.local.readiness import Waiting, database_awaited, find_missing
from client.local.services import BROKER, STOP_ORDER, Service, services
from client.plain_text import one_line
from client.url_file import publish_url, url_file
from jobs.settings import Settings

POLL_INTERVAL_S = 0.1
READINESS_INTERVAL_S = 0.3
BROKER_START_TIMEOUT_S = 60
BROKER_START_ATTEMPTS = 3

Report = Callable[[str], None]
"""Prints a message."""


class Stack:
    """The processes of a local service. Use `client.local.start.local_stack` to make one.

    url       of the API
    data_dir  where everything is kept; logs are in its `logs`
    """

    def __init__(self, settings: Settings, report: Report, essential: Collection[str]) -> None:
        self.data_dir = settings.data_dir
        self.log_dir = self.data_dir / "logs"
        # An API that listens everywhere is asked at loopback.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
        host = f"[{host}]" if ":" in host else host
        self.url = f"http://{host}:{settings.port}"
        self._settings = settings
        self._report = report
        self._waiting = Waiting(report)
        self._is_ready = False
        self._published: TextIO | None = None
        self._essential = essential
        self._processes: list[Process] = []
        self._environment = {
            **os.environ,
            "PRETRAIN_DATA_DIR": str(self.data_dir),
            "PRETRAIN_HOST": settings.host,
            "PRETRAIN_PORT": str(settings.port),
            "PYTHONUNBUFFERED": "1",
            # A folder called `api` or `jobs` in the working directory must not hide the package.
            "PYTHONSAFEPATH": "1",
        }

    def describe(self) -> str:
        """Where everything is, and how to stop it."""
        return (
            "pretrain is up.\n"
            f"  Page  {self.url} (open it in a browser)\n"
            f"  API   {self.url} (described at {self.url}/docs)\n"
            f"  Data  {one_line(self.data_dir)}\n"
            f"  Logs  {one_line(self.log_dir)}\n"
            f"  Stop  Ctrl-C, or kill {os.getpid()}"
        )

    def supervise_until_interrupted(self, announce: Callable[[], None]) -> None:
        """Keep everything running until Ctrl-C or SIGTERM, which is not an error; tell what the service still
        waits for, and when it is ready. Nothing else ends it: whatever crashes, the API too, is restarted
        again and again.

        announce  says that it runs until Ctrl-C, which whoever reads it may press at once
        """
        self._essential = ()
        try:
            announce()
            self.wait_until_ready()
            while True:
                self.supervise(seconds=1)
        except KeyboardInterrupt:
            self._report("Stopping.")

    def start(self) -> None:
        """Start everything and return when the API answers; ClientError says what failed.

        What else is not ready yet, such as a worker, is not waited for: jobs can be posted and results
        looked at without it.
        """
        url_file(self.data_dir).unlink(missing_ok=True)  # that of one that was killed
        self.log_dir.mkdir(mode=0o700, exist_ok=True)
        if self._settings.redis_url is None:
            self._start_broker()
        self._migrate()
        for service in services(self._settings, self.url):
            self._spawn(service)
        self._waiting.tell("the API")
        while not api_responds(self.url):
            self.supervise(POLL_INTERVAL_S)
        self._published = publish_url(self.data_dir, self.url)

    def wait_until_ready(self) -> None:
        """Return when jobs are worked on; as long as they are not, tell why. ClientError if an essential
        process keeps crashing."""
        if self._is_ready:
            return
        while missing := find_missing(self.url):
            self._waiting.tell(missing)
            self.supervise(READINESS_INTERVAL_S)
        self._is_ready = True
        self._report("pretrain is ready.")

    def supervise(self, seconds: float) -> None:
        """For `seconds`, restart what crashes or hangs; ClientError if an essential process keeps
        crashing."""
        until = time.monotonic() + seconds
        while True:
            for process in self._processes:
                message = process.supervise()
                if process.keeps_crashing and message and process.name in self._essential:
                    raise ClientError(message)
                if message:
                    self._report(message)
            left_s = until - time.monotonic()
            if left_s <= 0:
                return
            time.sleep(min(POLL_INTERVAL_S, left_s))

    def stop(self) -> None:
        """Stop everything, gracefully and in order; on a KeyboardInterrupt meanwhile, at once."""
        url_file(self.data_dir).unlink(missing_ok=True)
        if self._published is not None:
            self._published.close()
        try:
            for names in STOP_ORDER:
                self._stop([process for process in self._processes if process.name in names])
        except KeyboardInterrupt:
            self._report("Stopping at once.")
        finally:
            for process in self._processes:
                process.kill()
            self._processes.clear()

    def _stop(self, processes: list[Process]) -> None:
        terminated_at = time.monotonic()
        for process in processes:
            process.terminate()
        for process in processes:
            grace_s = process.service.stop_grace_s
            if not process.wait_or_kill(terminated_at + grace_s - time.monotonic()):
                self._report(f"{process.name} did not stop within {grace_s:.0f} s and was killed.")

    def _spawn(self, service: Service) -> Process:
        try:
            process = Process(service, self._environment, self.log_dir / f"{service.name}.log")
        except OSError as error:
            raise ClientError(f"{service.name} cannot be started: {error.strerror}") from error
        self._processes.append(process)
        return process

    def _start_broker(self) -> None:
        self._waiting.tell("the broker")
        server = valkey.find_server()
        for _ in range(BROKER_START_ATTEMPTS):
            config, url = valkey.write_config(self.data_dir)
            responds = partial(valkey.responds, url)
            process = self._spawn(
                Service(BROKER, (str(server), str(config)), stop_grace_s=10, responds=responds)
            )
            deadline = time.monotonic() + BROKER_START_TIMEOUT_S
            while process.exit_status() is None and time.monotonic() < deadline:
                if valkey.responds(url):
                    self._environment["PRETRAIN_REDIS_URL"] = url
                    return
                time.sleep(POLL_INTERVAL_S)
            # Most likely another process has taken the port meanwhile: try with another.
            process.kill()
            self._processes.remove(process)
        raise ClientError(
            f"the broker {one_line(server)} does not start. "
            f"The end of {one_line(process.log)}:\n{process.tail()}"
        )

    def _migrate(self) -> None:
        """Bring the database's tables up to date."""
        self._waiting.tell("the database")
        migration = Service("migrations", (sys.executable, "-m", "migrations"), stop_grace_s=10)
        process = self._spawn(migration)
        while process.exit_status() is None:
            time.sleep(POLL_INTERVAL_S)
            if reason := database_awaited(process.tail()):
                self._waiting.tell(f"the database: {one_line(reason)}")
        self._processes.remove(process)
        if process.exit_status() != 0:
            free = shutil.disk_usage(self.log_dir).free
            # A full disk may have had no room for the reason either.
            reason = (
                process.tail() or f"{one_line(process.log)} is empty, and its disk has {free:,} bytes free"
            )
            raise ClientError(f"the database could not be prepared:\n{reason}")
