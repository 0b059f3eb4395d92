"""SIGSTOP that leaves the database to everybody else.

A process that is stopped within a transaction holds its locks (in SQLite the only write lock there is) until
it goes on or is killed, and all others wait: a fault of its own, which a test of another one must not meet by
chance.
"""

import os
import signal
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from tests.chaos.service import Service
from tests.waiting import wait_until


def stop(service: Service, *pids: int) -> None:
    """SIGSTOP for processes of the service, as `stop_on` does."""
    stop_on(service.settings.database, *pids)


def stop_on(database_url: str, *pids: int) -> None:
    """SIGSTOP for the processes, at a moment at which none of them is within a transaction that writes."""
    wait_until(
        lambda: _stopped_between_writes(database_url, pids), "they were stopped outside of a transaction"
    )


def go_on(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def _stopped_between_writes(database_url: str, pids: tuple[int, ...]) -> bool:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: all(_threads_stopped(pid) for pid in pids), "all threads had stopped")
    if _can_lock(database_url):
        return True
    go_on(*pids)
    return False


def _threads_stopped(pid: int) -> bool:
    """Source of the format: proc_pid_stat(5). A process that has ended counts as stopped."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except FileNotFoundError:
        return True
    return all(_state_of_thread(thread) in "TZX" for thread in threads)


def _state_of_thread(thread: Path) -> str:
    try:
        return (thread / "stat").read_text().rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"  # it has ended since


def _can_lock(url: str) -> bool:
    """Whether within a second all transactions that write come to their end."""
    sqlite = url.startswith("sqlite")
    engine = create_engine(url, connect_args={"timeout": 1} if sqlite else {})
    try:
        with engine.connect() as connection:
            if sqlite:
                connection.execute(text("BEGIN IMMEDIATE"))
            else:
                connection.execute(text("SET LOCAL lock_timeout = '1s'"))
                connection.execute(text("LOCK TABLE jobs IN EXCLUSIVE MODE"))
            connection.rollback()
    except OperationalError:
        return False
    finally:
        engine.dispose()
    return True
