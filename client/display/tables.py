"""The API's records as tables and lists for people. What an older service does not tell is left out."""

from collections.abc import Sequence

from client.display.plain_text import clean, one_line
from client.display.render import as_count, as_duration, as_loss, as_size, optional, print_table
from client.records import JSON, describe_status, status_in_short, updates_done

LOG_LINES_SHOWN = 15


def print_jobs(jobs: Sequence[JSON]) -> None:
    print_table(
        ["ID", "NAME", "STATUS", "EPOCH#", "STEP#", "TRAIN#", "VALIDATION#", "CREATED"],
        [job_row(job) for job in jobs],
        give_way=["CREATED", "EPOCH", "TRAIN", "STEP", "VALIDATION", "NAME", "STATUS"],
        shrinks="NAME",
        in_short={"STATUS": [one_line(job["status"]) for job in jobs]},
    )


def job_row(job: JSON) -> list[str]:
    latest = job.get("latest") or {}
    return [
        one_line(job["id"]),
        optional(job.get("name")),
        one_line(status_in_short(job)),
        optional(job["progress"].get("epoch")),
        step_of(job),
        as_loss(latest.get("train_loss")),
        as_loss(latest.get("val_loss")),
        optional(job.get("created_at")),
    ]


def step_of(job: JSON) -> str:
    return f"{as_count(job['progress'].get('step'))}/{as_count(job['progress'].get('total_steps'))}"


def print_job(job: JSON) -> None:
    """Everything about one job that a person asks for first."""
    spec, progress, error = job["spec"], job["progress"], job.get("error")
    speed, remaining_s, parameters = (
        progress.get("tokens_per_s"),
        progress.get("remaining_s"),
        job.get("parameters"),
    )
    facts = {
        "id": job["id"],
        "name": job.get("name"),
        "status": describe_status(job),
        "place in queue": job.get("queue_position"),
        "error": f"{error['type']}: {error['message']}" if error else None,
        "preset": spec["preset"],
        "dataset": spec["dataset"],
        "parameters": as_count(parameters) if parameters else None,
        "epoch": f"{optional(progress.get('epoch'))}/{optional(spec['training'].get('num_epochs'))}",
        "step": step_of(job),
        "tokens seen": as_count(progress.get("tokens_seen")),
        "speed": f"{speed:,.0f} tokens/s" if speed is not None else None,
        "time left": as_duration(remaining_s) if remaining_s else None,
        "last evaluation": describe_latest(job.get("latest")),
        "best": describe_best(job.get("best")),
        "numerics": job.get("numerics"),
        "device": job.get("device"),
        "attempt": job.get("attempt"),
        "created": job.get("created_at"),
        "started": job.get("started_at"),
        "finished": job.get("finished_at"),
    }
    for name, value in facts.items():
        if value is not None:
            print(f"{name:<16} {one_line(value)}")


def describe_latest(latest: JSON | None) -> str | None:
    if not latest:
        return None
    losses = (
        f"train loss {as_loss(latest.get('train_loss'))}, validation loss {as_loss(latest.get('val_loss'))}"
    )
    return f"{losses} after step {as_count(updates_done(latest))}"


def describe_best(best: JSON | None) -> str | None:
    if not best:
        return None
    return f"validation loss {as_loss(best.get('val_loss'))} after step {as_count(updates_done(best))}"


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
                as_count(row.get("epoch")),
                as_count(row.get("tokens_seen")),
                as_loss(row.get("train_loss")),
                as_loss(row.get("val_loss")),
                optional(row.get("learning_rate"), "{:.3g}"),
                optional(row.get("tokens_per_s"), "{:,.0f}"),
            ]
            for row in rows
        ],
        give_way=["TOKENS/S", "RATE", "TOKENS SEEN", "EPOCH"],
    )


def print_samples(rows: Sequence[JSON]) -> None:
    for row in rows:
        print(f"-- epoch {optional(row.get('epoch'))}, step {row['step']}\n{clean(row['text'])}\n")


def print_checkpoints(rows: Sequence[JSON]) -> None:
    print_table(
        ["STEP#", "EPOCH#", "KIND", "TRAIN#", "VALIDATION#", "SIZE#", "CREATED", "SHA256"],
        [
            [
                as_count(row["step"]),
                as_count(row.get("epoch")),
                one_line(", ".join(row.get("kind", []))),
                as_loss(row.get("train_loss")),
                as_loss(row.get("val_loss")),
                as_size(row.get("bytes")),
                optional(row.get("created_at")),
                optional(row.get("sha256")),
            ]
            for row in rows
        ],
        give_way=["SHA256", "CREATED", "EPOCH", "TRAIN", "SIZE", "KIND"],
    )


def print_datasets(rows: Sequence[JSON]) -> None:
    print_table(
        ["ID", "NAME", "CHARACTERS#", "TOKENS#"],
        [
            [
                one_line(row["id"]),
                one_line(row["name"]),
                as_count(row.get("characters")),
                as_count(row.get("tokens")),
            ]
            for row in rows
        ],
        give_way=["CHARACTERS", "TOKENS", "NAME"],
        shrinks="NAME",
    )
