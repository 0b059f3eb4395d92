"""Workers that prepare, killed while they place what they have made."""

from pathlib import Path

from tests.chaos.faults import Fault
from tests.chaos.service import Service
from tests.waiting import wait_until

MOMENTS = [
    ("fsync", 1),  # the file is written, and has no name yet
    ("rename", 1),
    ("fsync", 2),  # it has its name
    ("commit", 3),  # of the heartbeat, the claim, or the end, as they come
]

PATIENT = {"lease_s": 20.0}
"""A service's lease. Workers that prepare are niced: beside other tests, what would take a tenth of a second
takes longer than the usual one, and after three lost leases a preparation has failed."""


def kill_preparer(service: Service, fault: Fault, call: str, nth: int, token: Path) -> None:
    """Start a worker that prepares, and is killed at its nth `call`.

    token  a file that is not there yet
    """
    doomed = service.spawn_injected(
        "preparer", process="prepare", call=call, nth=nth, action="kill", token=token
    )
    wait_until(token.exists, f"it was killed at its {call} {nth}")
    fault.inject()
    doomed.close()
