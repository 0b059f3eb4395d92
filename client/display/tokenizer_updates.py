"""Waiting for a tokenizer to be trained."""

import time

from client.display.updates import OUTAGE_LIMIT_S, POLL_INTERVAL_S, Clock, Sleep
from client.http.api_error import ApiError
from client.http.client import Client
from client.http.transport import Unreachable
from client.http.types import JSON


def wait_until_trained(
    client: Client, tokenizer_id: str, sleep: Sleep = time.sleep, clock: Clock = time.monotonic
) -> JSON:
    """The tokenizer's record once it is ready or has failed. Outages of up to OUTAGE_LIMIT_S are waited for.

    raises  ApiError if it has been deleted; Unreachable or ApiError when an outage lasts longer
    """
    down_since: float | None = None
    while True:
        try:
            tokenizer = client.tokenizer(tokenizer_id)
        except (Unreachable, ApiError) as error:
            if isinstance(error, ApiError) and error.status < 500:
                raise
            down_since = down_since or clock()
            if clock() - down_since > OUTAGE_LIMIT_S:
                raise
        else:
            down_since = None
            if tokenizer.get("status") != "preparing":
                return tokenizer
        sleep(POLL_INTERVAL_S)
