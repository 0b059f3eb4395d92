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

from client.address import Address, url_file
from client.errors import ClientError
from client.http.api_error import ApiError
from client.http.client import Client
from client.http.transport import Unreachable
from client.local import valkey
from client.local.process import Process
from client.local.services import BROKER, STOP_ORDER, WORKERS, Service, services
from client.plain_text import one_line
from jobs.settings import Settings

POLL_INTERVAL_S = 0.1
# While the service starts: between messages that say what is still missing.
REPORT_INTERVAL_S = 10
START_TIMEOUT_S = 300
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
            "pretrain is ready.\n"
            f"  API   {self.url}\n"
            f"  Docs  {self.url}/docs\n"
            f"  Data  {one_line(self.data_dir)}\n"
            f"  Logs  {one_line(self.log_dir)}\n"
            f"  Stop  Ctrl-C, or kill {os.getpid()}"
        )

    def supervise_until_interrupted(self) -> None:
        """Keep everything running until Ctrl-C or SIGTERM, which is not an error. Nothing else ends it:
        whatever crashes, the API too, is restarted again and again."""
        self._essential = ()
        try:
            while True:
                self.supervise(seconds=1)
        except KeyboardInterrupt:
            self._report("Stopping.")

    def start(self) -> None:
        """Start everything and return when the service is ready; ClientError says what failed.

        A worker that keeps crashing is not waited for: results can be looked at without it.
        """
        self.log_dir.mkdir(mode=0o700, exist_ok=True)
        if self._settings.redis_url is None:
            self._start_broker()
        self._migrate()
        for service in services(self._settings, self.url):
            self._spawn(service)
        self._wait_until_ready()
        url_file(self.data_dir).write_text(self.url + "\n")

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
        server = valkey.find_server()
        for _ in range(BROKER_START_ATTEMPTS):
            config, url = valkey.write_config(self.data_dir)
            responds = partial(valkey.responds, url)
            process = self._spawn(
                Service(BROKER, (str(server), str(config)), stop_grace_s=10, responds=responds)
            )
            deadline = time.monotonic() + START_TIMEOUT_S
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
        migration = Service("migrations", (sys.executable, "-m", "migrations"), stop_grace_s=10)
        process = self._spawn(migration)
        report_at = time.monotonic() + REPORT_INTERVAL_S
        while process.exit_status() is None:
            time.sleep(POLL_INTERVAL_S)
            if time.monotonic() > report_at:
                last_line = process.tail().splitlines()[-1:] or ["the database is being prepared"]
                self._report(f"Not ready yet: {one_line(last_line[0])}")
                report_at += REPORT_INTERVAL_S
        self._processes.remove(process)
        if process.exit_status() != 0:
            free = shutil.disk_usage(self.log_dir).free
            # A full disk may have had no room for the reason either.
            reason = (
                process.tail() or f"{one_line(process.log)} is empty, and its disk has {free:,} bytes free"
            )
            raise ClientError(f"the database could not be prepared:\n{reason}")

    def _wait_until_ready(self) -> None:
        started_at = time.monotonic()
        report_after_s = REPORT_INTERVAL_S
        with Client(Address(self.url, "pretrain up")) as client:
            while True:
                self.supervise(POLL_INTERVAL_S)
                try:
                    client.check_ready()
                    return
                except (ApiError, Unreachable) as error:
                    if only_workers_are_missing(error) and self._a_worker_keeps_crashing():
                        return
                    detail = error.detail if isinstance(error, ApiError) else ""
                    missing = detail or str(error).splitlines()[0]
                waited_s = time.monotonic() - started_at
                if waited_s > START_TIMEOUT_S:
                    raise ClientError(
                        f"not ready after {waited_s:.0f} s: {missing}\nLogs: {one_line(self.log_dir)}"
                    )
                if waited_s > report_after_s:
                    self._report(f"Not ready yet: {missing}")
                    report_after_s += REPORT_INTERVAL_S

    def _a_worker_keeps_crashing(self) -> bool:
        return any(process.keeps_crashing for process in self._processes if process.name in WORKERS)


def only_workers_are_missing(error: ApiError | Unreachable) -> bool:
    """Whether the API is ready but for its workers."""
    if not isinstance(error, ApiError):
        return False
    return {name for name, result in error.checks.items() if result != "ok"} == {"workers"}
