"""A stream of events that goes on across outages: behind the last event that has come."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing

from client.api.outage import RECONNECT_S, Clock, Outage, Sleep
from client.errors import ApiError, TimedOut, Unreachable
from client.http.event_stream import POSITION, StreamEvent
from client.http.transport import StreamOver

STREAM_TIMEOUT_S = 45.0
"""The service has something to say every 15 s."""
SLACK_S = 1.0

Stream = Generator[StreamEvent | None, None, None]
Connect = Callable[[str | None, float], Stream]
"""Opens a stream behind the event of that id, which may be silent for so many seconds."""


def follow(
    connect: Connect,
    is_last: Callable[[StreamEvent], bool],
    *,
    after: str | None = None,
    patience_s: float,
    timeout_s: float | None = None,
    sleep: Sleep = time.sleep,
    clock: Clock = time.monotonic,
) -> Iterator[StreamEvent]:
    """The events in order, none missing and none twice, up to the last one.

    after       the id of the event to begin behind
    patience_s  how long an outage may last, from its first request that failed
    timeout_s   after which TimedOut is raised; None: never
    raises      Unreachable or ApiError when an outage lasts longer, or the service refuses
    """
    outage = Outage(patience_s, clock)
    deadline_s = None if timeout_s is None else clock() + timeout_s
    while True:
        silence_s = STREAM_TIMEOUT_S
        if deadline_s is not None:
            silence_s = min(silence_s, deadline_s - clock())
            if silence_s <= 0:
                raise TimedOut(f"it has not ended in {timeout_s:g} s")
        try:
            with closing(connect(after, silence_s)) as stream:
                for event in stream:
                    outage.end()
                    if event is None:
                        # So that a stream that is alive does not outlast the deadline.
                        if deadline_s is not None and silence_s > deadline_s - clock() + SLACK_S:
                            break
                        continue
                    after = event.id or after
                    if event.name != POSITION:
                        yield event
                    if is_last(event):
                        return
                    if deadline_s is not None and clock() >= deadline_s:
                        break
        except StreamOver:
            return
        except (Unreachable, ApiError) as error:
            sleep(outage.pause_s(error))
        else:
            sleep(RECONNECT_S)
