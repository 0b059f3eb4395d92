"""How far what a worker prepares is, as the API says it."""

from typing import Literal

from jobs.store.preparations import FAILED, READY, Prepared

PreparationStatus = Literal["preparing", "ready", "failed"]


def preparation_status(prepared: Prepared) -> PreparationStatus:
    if prepared.status == READY:
        return "ready"
    return "failed" if prepared.status == FAILED else "preparing"
