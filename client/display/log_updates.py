"""What is new in a job's log, poll by poll.

The stream of events has a job's changes, but no line that its trainers write. A log is followed by its own
means: a place in it, behind which a request asks for what is new.
"""

import time
from collections.abc import Iterator

from client.api.job_history import LogPart
from client.api.outage import Clock, Outage, Sleep
from client.api.pretrain import Pretrain
from client.display.job_status import has_ended
from client.errors import ApiError, Unreachable
from client.http.types import JSON

POLL_S = 0.5
QUIET_POLL_S = 2.0
"""Between two looks at a log in which nothing is new, at most: each takes a second request, for the job."""


def follow_log(
    client: Pretrain,
    job_id: str,
    part: LogPart,
    *,
    one_attempt: bool = False,
    sleep: Sleep = time.sleep,
    clock: Clock = time.monotonic,
) -> Iterator[str]:
    """What is written behind `part` of a job's log, until the job has ended, or only that attempt of it.

    Outages of up to `client.patience_s` are waited for; Retry-After is respected.
    raises  ApiError, Unreachable when an outage lasts longer
    """
    attempt, offset = part.attempt, part.offset
    outage = Outage(client.patience_s, clock)
    pause_s = POLL_S

    def look() -> LogPart:
        if not attempt:
            return LogPart("", 0, 0)
        return client.jobs.log(job_id, attempt=attempt, offset=offset)

    while True:
        try:
            new, job = look(), None
            if not new.text:
                job = client.jobs.get(job_id)
                if is_over(job, attempt):
                    new = look()  # only now is it certain that nothing is written behind it
        except (Unreachable, ApiError) as error:
            sleep(outage.pause_s(error))
            continue
        outage.end()
        offset = new.offset
        if new.text:
            yield new.text
        if job is not None and is_over(job, attempt):
            if attempt == attempt_of(job) or (attempt and one_attempt):
                return
            attempt, offset, pause_s = attempt + 1, 0, POLL_S
            yield f"==> attempt {attempt} <==\n"
            continue
        pause_s = POLL_S if new.text else min(2 * pause_s, QUIET_POLL_S)
        sleep(pause_s)


def is_over(job: JSON, attempt: int) -> bool:
    """Whether that attempt writes nothing more; of 0, whether there is a first one, or never will be."""
    return attempt_of(job) > attempt or has_ended(job)


def attempt_of(job: JSON) -> int:
    return job.get("attempt") or 0
