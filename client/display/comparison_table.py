"""Jobs side by side: the fields of their specs that differ, and their results."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from client.display.formats import as_count, as_duration, as_loss, as_size, or_dash
from client.display.job_status import short_status, steps_done
from client.display.record_tables import describe_parent, step_of
from client.display.table import print_table
from client.http.types import JSON
from client.plain_text import one_line

MISSING = object()
LABELS = ("name", "metadata")
"""What distinguishes jobs without making a difference to what they learn: told among the results."""


def print_comparison(jobs: Sequence[JSON]) -> None:
    """Print the two tables as one: a column for each job, so that a difference stands above its result."""
    ids = [one_line(job["id"]) for job in jobs]
    found = differences(jobs)
    specs = [[field, *map(as_value, values)] for field, values in found.items()]
    if not specs:
        specs = [["(the specs are equal)", *[""] * len(jobs)]]
    print_table(["", *ids], [*specs, ["", *[""] * len(jobs)], *result_rows(jobs)])


def differences(jobs: Sequence[JSON]) -> dict[str, list[Any]]:
    """The fields of the specs that are not equal in all jobs, by their dotted paths, with each job's value;
    None where a job's spec has no such field."""
    specs = [dict(leaves(job["spec"])) for job in jobs]
    fields = dict.fromkeys(field for spec in specs for field in spec)
    return {
        field: [spec.get(field) for spec in specs]
        for field in fields
        if field.partition(".")[0] not in LABELS
        and any(spec.get(field, MISSING) != specs[0].get(field, MISSING) for spec in specs)
    }


def leaves(section: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in section.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def as_value(value: Any) -> str:
    """As it stands in JSON, but for text."""
    return one_line(value if isinstance(value, str) else json.dumps(value))


def result_rows(jobs: Sequence[JSON]) -> list[list[str]]:
    """What came of them; what no job has is left out. The lowest validation loss has a star."""
    best = [(job.get("best") or {}).get("val_loss") for job in jobs]
    lowest = min((loss for loss in best if loss is not None), default=None)
    rows: dict[str, Callable[[JSON], str]] = {
        "name": lambda job: or_dash(job.get("name")),
        "status": lambda job: one_line(short_status(job)),
        "starts from": lambda job: one_line(describe_parent(job["parent"])) if job.get("parent") else "-",
        "parameters": lambda job: as_count(job.get("parameters")),
        "step": step_of,
        "tokens seen": lambda job: as_count(job["progress"].get("tokens_seen")),
        "train loss": lambda job: as_loss((job.get("latest") or {}).get("train_loss")),
        "validation loss": lambda job: as_loss((job.get("latest") or {}).get("val_loss")),
        "best validation": lambda job: best_of(job, lowest),
        "bits per byte": lambda job: as_loss((job.get("best") or {}).get("val_bpb")),
        "speed": lambda job: or_dash(job["progress"].get("tokens_per_s"), "{:,.0f} tokens/s"),
        "from start to end": lambda job: as_duration(duration_s(job)),
        "device": lambda job: or_dash(job.get("device")),
        "numerics": lambda job: or_dash(job.get("numerics")),
        "on disk": lambda job: as_size(job.get("disk_bytes")),
    }
    table = [[name, *map(describe, jobs)] for name, describe in rows.items()]
    return [row for row in table if set(row[1:]) != {"-"}]


def best_of(job: JSON, lowest: float | None) -> str:
    best = job.get("best")
    if not best:
        return "-"
    star = " *" if best.get("val_loss") == lowest else ""
    return f"{as_loss(best.get('val_loss'))} after step {as_count(steps_done(best))}{star}"


def duration_s(job: JSON) -> float | None:
    """Seconds from its first claim to its end, pauses among them; None if it has not ended."""
    started, finished = job.get("started_at"), job.get("finished_at")
    if started is None or finished is None:
        return None
    return (datetime.fromisoformat(finished) - datetime.fromisoformat(started)).total_seconds()
