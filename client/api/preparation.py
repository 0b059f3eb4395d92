"""Waiting for what a worker prepares: a data set's tokens, a tokenizer, a model from outside."""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from client.api.outage import RECONNECT_S, Clock, Outage, Sleep
from client.errors import ApiError, TimedOut, Unreachable

Record = TypeVar("Record", bound=Mapping[str, Any])


def wait_until_prepared(
    record: Record,
    ask: Callable[[], Record],
    *,
    patience_s: float,
    timeout_s: float | None = None,
    sleep: Sleep = time.sleep,
    clock: Clock = time.monotonic,
) -> Record:
    """The record once it is ready or has failed; `ask` asks for it anew. Outages are waited for.

    patience_s  how long one may last
    timeout_s   seconds after which TimedOut is raised; None: never
    raises      ApiError if it has been deleted; Unreachable or ApiError when an outage lasts longer
    """
    outage, begun_s, pause_s = Outage(patience_s, clock), clock(), RECONNECT_S
    while record.get("status") == "preparing":
        if timeout_s is not None and clock() - begun_s >= timeout_s:
            raise TimedOut(f"{record['id']} is still being prepared after {timeout_s:g} s")
        sleep(pause_s)
        try:
            record = ask()
        except (Unreachable, ApiError) as error:
            pause_s = outage.pause_s(error)
        else:
            outage.end()
            pause_s = RECONNECT_S
    return record
