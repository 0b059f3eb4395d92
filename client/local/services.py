"""The processes of the local stack: what runs, and in which order it starts and stops."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from client.local.probe import api_responds
from jobs.settings import Settings

# Beyond PRETRAIN_STOP_GRACE_S, in which a trainer writes its checkpoint: for the supervisor to record its
# end.
RECORD_GRACE_S = 15

BROKER = "valkey"
WORKERS = {"train", "generate", "prepare"}
# One group after the other: workers while they can still record what they did, the broker last.
STOP_ORDER = [WORKERS, {"api"}, {"keeper"}, {BROKER}]
ALL_SERVICES = set().union(*STOP_ORDER)
# Without a worker or the keeper results can still be looked at.
ESSENTIAL_SERVICES = {"api", BROKER}


@dataclass(frozen=True)
class Service:
    """A process to run.

    name            in logs and messages
    stop_grace_s    the time that it needs to stop by itself
    has_heartbeat   whether it takes `--pulse-fd N`, to send a heartbeat there
    responds        for one without: asks it whether it responds, see Probe
    """

    name: str
    command: tuple[str, ...]
    stop_grace_s: float
    has_heartbeat: bool = False
    responds: Callable[[], bool] | None = None


def services(settings: Settings, url: str) -> list[Service]:
    """All but the broker, in the order of their start.

    url  of the API
    """
    python = (sys.executable, "-m")
    training_grace_s = settings.stop_grace_s + RECORD_GRACE_S
    return [
        Service("api", (*python, "api"), stop_grace_s=15, responds=partial(api_responds, url)),
        Service("train", (*python, "worker", "train"), stop_grace_s=training_grace_s, has_heartbeat=True),
        Service("generate", (*python, "worker", "generate"), stop_grace_s=15, has_heartbeat=True),
        Service("prepare", (*python, "worker", "prepare"), stop_grace_s=15, has_heartbeat=True),
        Service("keeper", (*python, "worker.keeper"), stop_grace_s=15, has_heartbeat=True),
    ]
