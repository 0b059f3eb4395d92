"""Strikes a Python process at the Nth call of something. Python runs this file at every start, if it is on
PYTHONPATH; it does nothing unless CHAOS_INJECT says so and the process is the one meant.

CHAOS_INJECT  JSON: {"process", "call", "nth", "action", "token"}
  process  a word of the command line of the process meant, such as `worker.trainer`; or a list of words
  call     fsync | rename | commit | commit-answered (after the commit, before its answer is seen)
  nth      which call, counted from 1
  action   kill (SIGKILL to itself) | no-space (the call raises ENOSPC)
  token    a file that is made when the fault strikes; while it exists nothing strikes again
"""

import errno
import json
import os
import signal
import sys
from typing import Any


class Strike:
    def __init__(self, nth: int, action: str, token: str) -> None:
        self._left = nth
        self._action = action
        self._token = token

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0 and self._takes_token():
            if self._action == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _takes_token(self) -> bool:
        try:
            os.close(os.open(self._token, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        return True


def before(strike: Strike, call: Any) -> Any:
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
    else:
        from sqlalchemy.engine.default import DefaultDialect

        wrap = {"commit": before, "commit-answered": after}[call]
        DefaultDialect.do_commit = wrap(strike, DefaultDialect.do_commit)  # type: ignore[method-assign]


if given := os.environ.get("CHAOS_INJECT"):
    plan = json.loads(given)
    words = [plan["process"]] if isinstance(plan["process"], str) else plan["process"]
    if all(word in sys.orig_argv for word in words):
        inject(plan["call"], Strike(plan["nth"], plan["action"], plan["token"]))
