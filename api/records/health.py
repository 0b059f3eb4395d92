"""What the service says of itself."""

from typing import Literal

from api.records.record import Record


class VersionRecord(Record):
    version: str


class HealthRecord(Record):
    status: Literal["ok"] = "ok"


class ReadinessRecord(Record):
    status: Literal["ready"] = "ready"
    checks: dict[str, str]
    """For each of database, broker, migrations, artifacts and workers: `ok`."""
