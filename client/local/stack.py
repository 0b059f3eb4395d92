"""The local stack: broker, migrations, API, workers and keeper as child processes of `pretrain up`.

Everything happens in the main thread: the children's lives are tied to it (jobs.process.parent_death), so
whoever waits for something else meanwhile calls `Stack.tend` to keep them running.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NoReturn

from client.display.plain_text import one_line
from client.environment import Address, url_file
from client.errors import ClientError
from client.http import ApiError, Client, Unreachable
from client.local import valkey
from client.local.ports import choose_port
from client.local.probe import api_answers
from client.local.process import Process, Service
from jobs.files.layout import check_writable
from jobs.settings import Settings

TICK_S = 0.1
# How long a start may take before it says what is missing, and before it fails.
PATIENCE_S = 10
START_TIMEOUT_S = 300
BROKER_START_ATTEMPTS = 3

Say = Callable[[str], None]

# Beyond PRETRAIN_STOP_GRACE_S, in which a trainer checkpoints: for the supervisor to record how it ended.
RECORD_GRACE_S = 15


def services(settings: Settings, url: str) -> list[Service]:
    """What runs beside the broker, in the order in which it is started. `url` is where the API answers."""
    python = (sys.executable, "-m")
    training_grace_s = settings.stop_grace_s + RECORD_GRACE_S
    return [
        Service("api", (*python, "api"), stop_grace_s=15, answers=partial(api_answers, url)),
        Service("train", (*python, "worker", "train"), stop_grace_s=training_grace_s, pulses=True),
        Service("generate", (*python, "worker", "generate"), stop_grace_s=15, pulses=True),
        Service("keeper", (*python, "worker.keeper"), stop_grace_s=15, pulses=True),
    ]


BROKER = "valkey"
WORKERS = {"train", "generate"}
# Stopped one group after the other: workers while they can still record what they did, the broker last.
STOP_ORDER = [WORKERS, {"api"}, {"keeper"}, {BROKER}]
# Without these there is nothing to start; without a worker or the keeper results can still be looked at.
ESSENTIAL = {"api", BROKER}
EVERYTHING = set().union(*STOP_ORDER)


class Stack:
    """A running local service. Make it with `local_stack`.

    url       where the API answers
    data_dir  where everything is kept; logs are in its `logs`
    """

    def __init__(self, settings: Settings, say: Say, essential: Collection[str]) -> None:
        self.data_dir = settings.data_dir
        self.log_dir = self.data_dir / "logs"
        # One that listens everywhere listens here, too; one that listens at an address does so there alone.
        reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
        reachable = f"[{reachable}]" if ":" in reachable else reachable
        self.url = f"http://{reachable}:{settings.port}"
        self._settings = settings
        self._say = say
        self._essential = essential
        self._processes: list[Process] = []
        self._environment = {
            **os.environ,
            "PRETRAIN_DATA_DIR": str(self.data_dir),
            "PRETRAIN_HOST": settings.host,
            "PRETRAIN_PORT": str(settings.port),
            "PYTHONUNBUFFERED": "1",
            # A folder called `api` or `jobs` where the person happens to be must not hide the package.
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

    def serve_until_interrupted(self) -> None:
        """Keep everything running until Ctrl-C or SIGTERM, which is not an error. Nothing else ends it: what
        keeps dying, the API too, is started again and again."""
        self._essential = ()
        try:
            while True:
                self.tend(seconds=1)
        except KeyboardInterrupt:
            self._say("Stopping.")

    def start(self) -> None:
        """Start everything and return when the service is ready; ClientError says what failed.

        A worker that keeps dying is not waited for: results can be looked at without it.
        """
        self.log_dir.mkdir(mode=0o700, exist_ok=True)
        if self._settings.redis_url is None:
            self._start_broker()
        self._migrate()
        for service in services(self._settings, self.url):
            self._spawn(service)
        self._wait_until_ready()
        url_file(self.data_dir).write_text(self.url + "\n")

    def tend(self, seconds: float) -> None:
        """Wait for `seconds`, restarting what dies or hangs; ClientError if an essential one keeps dying."""
        until = time.monotonic() + seconds
        while True:
            for process in self._processes:
                news = process.tend()
                if process.keeps_dying and news and process.name in self._essential:
                    raise ClientError(news)
                if news:
                    self._say(news)
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(TICK_S, left))

    def stop(self) -> None:
        """Stop everything, gently and in order; at once on a KeyboardInterrupt meanwhile."""
        url_file(self.data_dir).unlink(missing_ok=True)
        try:
            for names in STOP_ORDER:
                self._stop([process for process in self._processes if process.name in names])
        except KeyboardInterrupt:
            self._say("Stopping at once.")
        finally:
            for process in self._processes:
                process.kill()
            self._processes.clear()

    def _stop(self, processes: list[Process]) -> None:
        asked_at = time.monotonic()
        for process in processes:
            process.ask_to_stop()
        for process in processes:
            grace_s = process.service.stop_grace_s
            if not process.end(asked_at + grace_s - time.monotonic()):
                self._say(f"{process.name} did not stop within {grace_s:.0f} s and was killed.")

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
            answers = partial(valkey.answers, url)
            process = self._spawn(
                Service(BROKER, (str(server), str(config)), stop_grace_s=10, answers=answers)
            )
            deadline = time.monotonic() + START_TIMEOUT_S
            while process.exit_status() is None and time.monotonic() < deadline:
                if valkey.answers(url):
                    self._environment["PRETRAIN_REDIS_URL"] = url
                    return
                time.sleep(TICK_S)
            # Most likely another process took the port in between: try with another.
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
        speak_at = time.monotonic() + PATIENCE_S
        while process.exit_status() is None:
            time.sleep(TICK_S)
            if time.monotonic() > speak_at:
                last_words = process.tail().splitlines()[-1:] or ["the database is being prepared"]
                self._say(f"Not ready yet: {one_line(last_words[0])}")
                speak_at += PATIENCE_S
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
        speak_after_s = PATIENCE_S
        with Client(Address(self.url, "pretrain up")) as client:
            while True:
                self.tend(TICK_S)
                try:
                    client.check_ready()
                    return
                except (ApiError, Unreachable) as error:
                    if only_workers_are_missing(error) and self._a_worker_keeps_dying():
                        return
                    missing = str(error).splitlines()[0]
                waited_s = time.monotonic() - started_at
                if waited_s > START_TIMEOUT_S:
                    raise ClientError(
                        f"not ready after {waited_s:.0f} s: {missing}\nLogs: {one_line(self.log_dir)}"
                    )
                if waited_s > speak_after_s:
                    self._say(f"Not ready yet: {missing}")
                    speak_after_s += PATIENCE_S

    def _a_worker_keeps_dying(self) -> bool:
        return any(process.keeps_dying for process in self._processes if process.name in WORKERS)


def only_workers_are_missing(error: ApiError | Unreachable) -> bool:
    """Whether the API could do everything but have jobs or prompts worked on."""
    if not isinstance(error, ApiError):
        return False
    return {name for name, finding in error.checks.items() if finding != "ok"} == {"workers"}


@contextlib.contextmanager
def local_stack(
    settings: Settings, *, port_asked_for: bool, say: Say, essential: Collection[str] = ESSENTIAL
) -> Iterator[Stack]:
    """A stack that runs while the block does, and of which nothing is left afterwards.

    SIGTERM and SIGHUP raise KeyboardInterrupt in the block, as Ctrl-C does.
    raises  ClientError when it cannot start, or when one of the `essential` processes keeps dying
    """
    if not (settings.loopback or settings.allow_no_token):
        raise ClientError(
            f"host {settings.host} is reachable from other machines, and nobody needs a token yet: use "
            "127.0.0.1, or set PRETRAIN_ALLOW_NO_TOKEN=1 if something else guards the port"
        )
    with data_folder(settings.data_dir), stop_signals():
        check_artifacts(settings)
        port = choose_port(settings.host, settings.port, asked_for=port_asked_for)
        if settings.port not in (0, port):
            say(f"Port {settings.port} is in use; taking {port}.")
        say(f"Starting the service in {one_line(settings.data_dir)}.")
        stack = Stack(settings.model_copy(update={"port": port}), say, essential)
        try:
            stack.start()
            yield stack
        finally:
            stack.stop()


@contextlib.contextmanager
def data_folder(folder: Path) -> Iterator[None]:
    """Make `folder` for its owner alone unless it is there, and hold its lock; ClientError when another
    service does. Who may look into one that was there is for its owner to say."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = open(folder / "lock", "w")  # noqa: SIM115 - closed below; closing it is what unlocks
    except OSError as error:
        raise ClientError(f"cannot use {one_line(folder)} as data folder: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ClientError(f"a service already runs on {one_line(folder)}{running_at(folder)}") from error
        yield


def check_artifacts(settings: Settings) -> None:
    """ClientError if data sets and checkpoints could not be written where the settings want them."""
    try:
        check_writable(settings.artifacts)
    except OSError as error:
        source = "" if settings.artifacts_url is None else " (from PRETRAIN_ARTIFACTS_URL)"
        raise ClientError(
            f"data sets and checkpoints cannot be written in {one_line(settings.artifacts)}{source}: "
            f"{error.strerror}"
        ) from error


def running_at(folder: Path) -> str:
    try:
        return f", at {url_file(folder).read_text().strip()}"
    except FileNotFoundError:
        return " (it is starting or stopping)"


@contextlib.contextmanager
def stop_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP stop the block as Ctrl-C does; a signal that is ignored (nohup) stays so."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
