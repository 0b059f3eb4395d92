"""The API's records as tables and lists for people."""

from collections.abc import Sequence

from client.records import JSON
from client.render import (
    as_count,
    as_duration,
    as_loss,
    as_size,
    clean,
    one_line,
    optional,
    print_table,
)

LOG_LINES_SHOWN = 15


def print_jobs(jobs: Sequence[JSON]) -> None:
    print_table(
        ["ID", "NAME", "STATUS", "EPOCH#", "STEP#", "TRAIN#", "VALIDATION#", "CREATED"],
        [job_row(job) for job in jobs],
    )


def job_row(job: JSON) -> list[str]:
    latest = job["latest"] or {}
    return [
        one_line(job["id"]),
        optional(job["name"]),
        one_line(job["status"]),
        optional(job["progress"]["epoch"]),
        step_of(job),
        as_loss(latest.get("train_loss")),
        as_loss(latest.get("val_loss")),
        one_line(job["created_at"]),
    ]


def step_of(job: JSON) -> str:
    return f"{as_count(job['progress']['step'])}/{as_count(job['progress']['total_steps'])}"


def print_job(job: JSON) -> None:
    """Everything about one job that a person asks for first."""
    spec, progress = job["spec"], job["progress"]
    latest, best, error = job["latest"] or {}, job["best"] or {}, job["error"]
    stopping = f" ({job['stopping']} requested)" if job.get("stopping") else ""
    speed = progress["tokens_per_s"]
    facts = {
        "id": job["id"],
        "name": job["name"],
        "status": f"{job['status']}{stopping}",
        "error": f"{error['type']}: {error['message']}" if error else None,
        "preset": spec["preset"],
        "dataset": spec["dataset"],
        "parameters": as_count(job["parameters"]) if job["parameters"] else None,
        "epoch": f"{progress['epoch']}/{spec['training']['num_epochs']}",
        "step": step_of(job),
        "tokens seen": as_count(progress["tokens_seen"]),
        "speed": f"{speed:,.0f} tokens/s" if speed is not None else None,
        "time left": as_duration(progress["remaining_s"]) if progress["remaining_s"] else None,
        "train loss": as_loss(latest["train_loss"]) if latest else None,
        "validation loss": as_loss(latest["val_loss"]) if latest else None,
        "best": f"{as_loss(best['val_loss'])} at step {best['step']}" if best else None,
        "numerics": job["numerics"],
        "device": job["device"],
        "attempt": job["attempt"],
        "created": job["created_at"],
        "started": job["started_at"],
        "finished": job["finished_at"],
    }
    for name, value in facts.items():
        if value is not None:
            print(f"{name:<16} {one_line(value)}")


def print_log(lines: Sequence[str]) -> None:
    if lines:
        print("\nThe end of its trainer's log:")
    for line in lines[-LOG_LINES_SHOWN:]:
        print(f"  {one_line(line)}")


def print_losses(rows: Sequence[JSON]) -> None:
    print_table(
        ["STEP#", "EPOCH#", "TOKENS SEEN#", "TRAIN#", "VALIDATION#", "RATE#", "TOKENS/S#"],
        [
            [
                as_count(row["step"]),
                as_count(row["epoch"]),
                as_count(row["tokens_seen"]),
                as_loss(row["train_loss"]),
                as_loss(row["val_loss"]),
                optional(row["learning_rate"], "{:.3g}"),
                optional(row["tokens_per_s"], "{:,.0f}"),
            ]
            for row in rows
        ],
    )


def print_samples(rows: Sequence[JSON]) -> None:
    for row in rows:
        print(f"-- epoch {row['epoch']}, step {row['step']}\n{clean(row['text'])}\n")


def print_checkpoints(rows: Sequence[JSON]) -> None:
    print_table(
        ["STEP#", "EPOCH#", "KIND", "TRAIN#", "VALIDATION#", "SIZE#", "CREATED", "SHA256"],
        [
            [
                as_count(row["step"]),
                as_count(row["epoch"]),
                one_line(", ".join(row["kind"])),
                as_loss(row["train_loss"]),
                as_loss(row["val_loss"]),
                as_size(row["bytes"]),
                one_line(row["created_at"]),
                one_line(row["sha256"]),
            ]
            for row in rows
        ],
    )


def print_datasets(rows: Sequence[JSON]) -> None:
    print_table(
        ["ID", "NAME", "CHARACTERS#", "TOKENS#"],
        [
            [one_line(row["id"]), one_line(row["name"]), as_count(row["characters"]), as_count(row["tokens"])]
            for row in rows
        ],
    )
