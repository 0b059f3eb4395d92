"""Disk space as tables for people."""

import sys
from typing import IO

from client.display.formats import as_count, as_size, or_dash
from client.display.table import print_table
from client.http.types import JSON
from client.plain_text import one_line


def print_disk(disk: JSON) -> None:
    for name in ("total", "free", "jobs", "datasets", "tokens", "models", "freeable"):
        size = disk.get(f"{name}_bytes")
        if size is not None:
            print(f"{name:<16} {as_size(size)}")
    if not disk["data"]:
        return
    print()
    print_table(
        ["ID", "NAME", "STATUS", "CHECKPOINTS#", "SIZE#", "FREEABLE#"],
        [
            [
                one_line(job["id"]),
                or_dash(job.get("name")),
                one_line(job["status"]),
                as_count(job.get("checkpoints")),
                as_size(job.get("bytes")),
                as_size(job.get("freeable_bytes")),
            ]
            for job in disk["data"]
        ],
        drop_order=["CHECKPOINTS", "NAME", "STATUS"],
        shrinkable="NAME",
    )


def print_pruned(pruned: JSON, file: IO[str] | None = None) -> None:
    """A line for each, and the sum."""
    stream = file or sys.stdout
    for entry in pruned["data"]:
        what = "checkpoint" if entry["what"] == "checkpoint" else "optimizer's state of the checkpoint"
        line = f"{entry['job_id']}: {what} of step {as_count(entry['step'])}, {as_size(entry['bytes'])}"
        print(one_line(line), file=stream)
    verb = "would be freed" if pruned["dry_run"] else "freed"
    print(f"{as_size(pruned['bytes'])} {verb}", file=stream)
