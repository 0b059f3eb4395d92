"""What is new of a running job, poll by poll."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from client.display.job_status import has_ended
from client.http.api_error import ApiError
from client.http.client import Client
from client.http.transport import Unreachable
from client.http.types import JSON

POLL_INTERVAL_S = 0.5
# A service that restarts, or whose machine sleeps, comes back; after this long it is given up.
OUTAGE_LIMIT_S = 60

Sleep = Callable[[float], None]
Clock = Callable[[], float]


@dataclass(frozen=True)
class Update:
    """A job's record, and the evaluations and samples since the last update.

    outage  why the service could not be asked; then `job` is that of the last update
    """

    job: JSON
    losses: list[JSON]
    samples: list[JSON]
    outage: str | None = None


class Outage:
    """A service that does not answer, while something asks again and again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_s: float | None = None

    def go_on(self, error: Unreachable | ApiError) -> None:
        """Wait for the service once more. raises `error` if it is an answer, or this has lasted for more than
        OUTAGE_LIMIT_S"""
        if isinstance(error, ApiError) and error.status < 500:
            raise error
        if self._since_s is None:
            self._since_s = self._clock()
        if self._clock() - self._since_s > OUTAGE_LIMIT_S:
            raise error

    def end(self) -> None:
        self._since_s = None


def follow(
    client: Client, job_id: str, sleep: Sleep = time.sleep, clock: Clock = time.monotonic
) -> Iterator[Update]:
    """Ask for the job every POLL_INTERVAL_S until it has ended; the updates together have all of it.

    Outages of up to OUTAGE_LIMIT_S are waited for, but for one at the first request; Retry-After is
    respected.
    raises  ApiError if there is no such job; Unreachable or ApiError when an outage lasts longer
    """
    job: JSON | None = None
    loss_step = sample_step = -1
    outage = Outage(clock)
    while True:
        interval_s: float = POLL_INTERVAL_S
        try:
            # The job first: once it has ended, what is asked for afterwards is complete.
            job = client.job(job_id)
            losses = client.losses(job_id, since_step=loss_step)
            samples = client.samples(job_id, since_step=sample_step)
        except (Unreachable, ApiError) as error:
            if job is None:
                raise
            outage.go_on(error)
            yield Update(job, [], [], outage=str(error).splitlines()[0])
            if isinstance(error, ApiError) and error.retry_after_s:
                interval_s = min(error.retry_after_s, OUTAGE_LIMIT_S / 2)
        else:
            outage.end()
            loss_step = losses[-1]["step"] if losses else loss_step
            sample_step = samples[-1]["step"] if samples else sample_step
            yield Update(job, losses, samples)
            if has_ended(job):
                return
        sleep(interval_s)
