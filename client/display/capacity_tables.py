"""Workers and limits for people."""

from collections.abc import Sequence

from client.display.formats import as_count, as_size, or_dash
from client.display.messages import print_message
from client.display.table import print_table
from client.http.types import JSON
from client.plain_text import one_line

UNLIMITED = ("requests_per_minute", "generations_at_once", "max_queued_jobs", "max_stored_bytes")
"""Limits whose null is that there is none."""


def print_workers(workers: Sequence[JSON]) -> None:
    if not workers:
        print_message("No worker has been started: `pretrain up` runs them.")
        return
    print_table(
        ["QUEUE", "STATUS", "JOB", "DEVICE", "MEMORY#", "HOST", "SINCE", "ID"],
        [
            [
                one_line(worker["queue"]),
                one_line(worker["status"]),
                or_dash(worker.get("job_id")),
                or_dash(worker.get("device")),
                as_size(worker.get("memory_bytes")),
                or_dash(worker.get("host")),
                or_dash(worker.get("since")),
                one_line(worker["id"]),
            ]
            for worker in workers
        ],
        drop_order=["ID", "SINCE", "HOST", "MEMORY", "DEVICE", "JOB"],
    )
    for worker in workers:
        if detail := worker.get("detail"):
            print(f"{one_line(worker['id'])}: {one_line(detail)}")


def print_limits(limits: JSON) -> None:
    """Every number under its own name; sizes and times in units for people."""
    for name, value in limits.items():
        if name not in ("object", "workers"):
            print(f"{described(name):<24} {as_limit(name, value)}")


def described(name: str) -> str:
    return one_line(name.removesuffix("_bytes").removesuffix("_s").replace("_", " "))


def as_limit(name: str, value: object) -> str:
    if value is None:
        return "any number" if name in UNLIMITED else "-"
    if isinstance(value, int | float):
        if name.endswith("_bytes"):
            return as_size(int(value))
        return f"{value:,g} s" if name.endswith("_s") else as_count(int(value))
    return one_line(value)
