"""Strikes a Python process at the Nth call of something. Python runs this file at every start, if it is on
PYTHONPATH; it does nothing unless the environment says so and the process is the one meant.

CHAOS_INJECT  JSON: {"process", "call", "nth", "action", "token"}
  process  a word of the command line of the process meant, such as `worker.trainer`; or a list of words
  call     fsync | rename | statement | commit | commit-answered (after it, before its answer is seen) |
           job-stored (the same, of a transaction that inserted a job) |
           report (a trainer's sign of life) | event (what a run reports, before it is recorded, but for) |
           written (that a checkpoint is, which comes some steps after it was begun) |
           encode (a text, by the byte tokenizer) |
           acknowledge (a message, to the broker)
  nth      which call, counted from 1
  action   kill (SIGKILL to itself) | stop (SIGSTOP to itself) | no-space (the call raises ENOSPC) |
           panic (native code within the call panics) |
           no-answer (of Redis: the call runs into its time limit)
  token    a file that is made when the fault strikes; while it exists nothing strikes again

CHAOS_HOLD    a file. While it is there, trainers wait: where it has a number, once the evaluation of that
              step stands and the next step is done; where it has `checkpoint`, once they have recorded a
              checkpoint.
              They go on when it is gone, or when they are told to stop

CHAOS_STUBS   a file with the ids of jobs whose trainers only say that they have finished

CHAOS_CLOCK   seconds that are added to what `time.time` tells
FAKETIME      is libfaketime's own; where it leaves the monotonic clock alone, `time.sleep` must do without
              clock_nanosleep, which fails there
"""

import errno
import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, get_args

TRAINERS = {"worker.trainer", "worker.training.prewarm"}
LOOK_EVERY_S = 0.02
SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class Strike:
    def __init__(self, nth: int, action: str, token: str) -> None:
        self._left = nth
        self._action = action
        self._token = token

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0 and self._takes_token():
            if number := SIGNALS.get(self._action):
                # To this thread, which would go on for a while if another one took the signal.
                signal.pthread_kill(threading.get_ident(), number)
                return
            if self._action == "panic":
                panic()
            if self._action == "no-answer":
                from redis import TimeoutError as NoAnswer

                raise NoAnswer("Timeout reading from socket")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _takes_token(self) -> bool:
        try:
            os.close(os.open(self._token, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        return True


def panic() -> None:
    """A real one, of the extension that tokenises: its stack has a limit, which it does not expect."""
    import tiktoken

    ranks = {bytes([value]): value for value in range(256)}
    encoding = tiktoken.Encoding("panics", pat_str=r"\s+(?!\S)|\s+", mergeable_ranks=ranks, special_tokens={})
    encoding.encode_ordinary(" " * 1_000_000)


def before(strike: Callable[[], None], call: Any) -> Any:
    def struck(*arguments: Any, **named: Any) -> Any:
        strike()
        return call(*arguments, **named)

    return struck


def after(strike: Strike, call: Any) -> Any:
    def struck(*arguments: Any, **named: Any) -> Any:
        result = call(*arguments, **named)
        strike()
        return result

    return struck


def inject(call: str, strike: Strike) -> None:
    if call == "fsync":
        os.fsync = before(strike, os.fsync)
    elif call == "rename":
        os.rename = before(strike, os.rename)
        os.replace = before(strike, os.replace)
    elif call == "encode":
        from model.tokenizers import ByteTokenizer

        ByteTokenizer.encode = before(strike, ByteTokenizer.encode)  # type: ignore[method-assign]
    elif call == "acknowledge":
        from kombu.transport.redis import QoS

        QoS.ack = before(strike, QoS.ack)
    elif call == "report":
        os.write = before(strike, os.write)
    elif call in ("event", "written"):
        from model import events

        checkpoint = events.CheckpointWritten
        for kind in [checkpoint] if call == "written" else set(get_args(events.Event)) - {checkpoint}:
            kind.__init__ = before(strike, kind.__init__)
    else:
        from sqlalchemy.engine.default import DefaultDialect

        if call == "statement":
            DefaultDialect.do_execute = before(strike, DefaultDialect.do_execute)  # type: ignore[method-assign]
            return
        if call == "job-stored":
            strike_when_job_is_stored(strike)
            return
        wrap = {"commit": before, "commit-answered": after}[call]
        DefaultDialect.do_commit = wrap(strike, DefaultDialect.do_commit)  # type: ignore[method-assign]


def strike_when_job_is_stored(strike: Strike) -> None:
    from sqlalchemy.engine.default import DefaultDialect

    execute, commit = DefaultDialect.do_execute, DefaultDialect.do_commit
    inserting = set()  # connections of DBAPI with a transaction that has inserted a job

    def do_execute(dialect: Any, cursor: Any, statement: str, *arguments: Any) -> None:
        execute(dialect, cursor, statement, *arguments)
        if statement.startswith("INSERT INTO jobs "):
            inserting.add(cursor.connection)

    def do_commit(dialect: Any, connection: Any) -> None:
        commit(dialect, connection)
        if connection.dbapi_connection in inserting:
            inserting.discard(connection.dbapi_connection)
            strike()

    DefaultDialect.do_execute, DefaultDialect.do_commit = do_execute, do_commit  # type: ignore[method-assign]


def hold(file: str) -> None:
    from model.events import CheckpointWritten, Progress

    begin = Progress.__init__
    written: list[object] = []

    def wait_where_it_is_held(progress: Progress, *arguments: Any, **named: Any) -> None:
        begin(progress, *arguments, **named)
        while is_held(file, progress.step, has_written=bool(written)) and not is_told_to_stop():
            time.sleep(LOOK_EVERY_S)

    CheckpointWritten.__init__ = before(lambda: written.append(1), CheckpointWritten.__init__)  # type: ignore[method-assign]
    Progress.__init__ = wait_where_it_is_held  # type: ignore[method-assign]


def is_held(file: str, step: int, *, has_written: bool) -> bool:
    try:
        with open(file) as opened:
            where = opened.read()
    except FileNotFoundError:
        return False
    return has_written if where == "checkpoint" else step >= int(where) + 2


def is_told_to_stop() -> bool:
    """A trainer's handler of SIGTERM is a method of what knows whether it has been called."""
    told = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return callable(told) and bool(told())


def stand_in(job_id: str, stubs: str) -> None:
    """End as if the job had been trained, if the file `stubs` lists it: nothing heavy is imported."""
    with open(stubs) as file:
        if job_id in file.read().split():
            from worker.training.reports import ReportPipe, TrainerOutcome

            ReportPipe(sys.stdout.fileno()).report_outcome(TrainerOutcome("finished", ended_by="epochs"))
            os._exit(0)


def shift_clock(by_s: float) -> None:
    true_time, true_time_ns = time.time, time.time_ns
    time.time = lambda: true_time() + by_s
    time.time_ns = lambda: true_time_ns() + round(by_s * 1e9)


if by_s := os.environ.get("CHAOS_CLOCK"):
    shift_clock(float(by_s))

if "FAKETIME" in os.environ:
    time.sleep = lambda seconds: select.select([], [], [], seconds)

if "worker.trainer" in sys.orig_argv and (stubs := os.environ.get("CHAOS_STUBS")):
    stand_in(sys.orig_argv[-3], stubs)

if (held := os.environ.get("CHAOS_HOLD")) and TRAINERS & set(sys.orig_argv):
    hold(held)

if given := os.environ.get("CHAOS_INJECT"):
    plan = json.loads(given)
    words = [plan["process"]] if isinstance(plan["process"], str) else plan["process"]
    if all(word in sys.orig_argv for word in words):
        inject(plan["call"], Strike(plan["nth"], plan["action"], plan["token"]))
