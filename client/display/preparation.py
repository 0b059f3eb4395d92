"""Waiting for what a worker prepares: a tokenizer, a model from outside."""

import time
from collections.abc import Callable

from client.display.updates import POLL_INTERVAL_S, Clock, Outage, Sleep
from client.http.api_error import ApiError
from client.http.transport import Unreachable
from client.http.types import JSON


def wait_until_prepared(
    record: JSON, ask: Callable[[], JSON], sleep: Sleep = time.sleep, clock: Clock = time.monotonic
) -> JSON:
    """The record once it is ready or has failed; `ask` asks for it anew. Outages are waited for.

    raises  ApiError if it has been deleted; Unreachable or ApiError when an outage lasts longer than
            OUTAGE_LIMIT_S
    """
    outage = Outage(clock)
    while record.get("status") == "preparing":
        sleep(POLL_INTERVAL_S)
        try:
            record = ask()
        except (Unreachable, ApiError) as error:
            outage.go_on(error)
        else:
            outage.end()
    return record
