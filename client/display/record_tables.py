"""The API's records as tables and lists for people. What an older service does not send is left out."""

from collections.abc import Sequence

from client.display.formats import as_count, as_duration, as_loss, as_size, or_dash
from client.display.job_status import describe_status, short_status, steps_done
from client.display.table import print_table
from client.http.types import JSON
from client.plain_text import clean, one_line

LOG_LINES_SHOWN = 15


def print_jobs(jobs: Sequence[JSON]) -> None:
    tags = [one_line(describe_tags(job) or "") for job in jobs]
    rows = [[*job_row(job), *([of_job] if any(tags) else [])] for job, of_job in zip(jobs, tags, strict=True)]
    headings = ["ID", "NAME", "STATUS", "EPOCH#", "STEP#", "TRAIN#", "VALIDATION#", "CREATED"]
    print_table(
        [*headings, *(["TAGS"] if any(tags) else [])],
        rows,
        drop_order=["TAGS", "CREATED", "EPOCH", "TRAIN", "STEP", "VALIDATION", "NAME", "STATUS"],
        shrinkable="NAME",
        short_cells={"STATUS": [one_line(job["status"]) for job in jobs]},
    )


def job_row(job: JSON) -> list[str]:
    latest = job.get("latest") or {}
    return [
        one_line(job["id"]),
        or_dash(job.get("name")),
        one_line(short_status(job)),
        or_dash(job["progress"].get("epoch")),
        step_of(job),
        as_loss(latest.get("train_loss")),
        as_loss(latest.get("val_loss")),
        or_dash(job.get("created_at")),
    ]


def describe_tags(job: JSON) -> str | None:
    return ", ".join(job.get("tags", [])) or None


def step_of(job: JSON) -> str:
    return f"{as_count(job['progress'].get('step'))}/{as_count(job['progress'].get('total_steps'))}"


def print_job(job: JSON) -> None:
    """What a person wants to know of a job first."""
    spec, progress, error = job["spec"], job["progress"], job.get("error")
    parent = job.get("parent")
    speed, remaining_s, parameters = (
        progress.get("tokens_per_s"),
        progress.get("remaining_s"),
        job.get("parameters"),
    )
    facts = {
        "id": job["id"],
        "name": job.get("name"),
        "tags": describe_tags(job),
        "starred": "yes" if job.get("starred") else None,
        "archived": "yes" if job.get("archived") else None,
        "status": describe_status(job),
        "place in queue": job.get("queue_position"),
        "error": f"{error['type']}: {error['message']}" if error else None,
        "starts from": describe_parent(parent) if parent else None,
        "preset": spec["preset"],
        "dataset": spec["dataset"],
        "parameters": as_count(parameters) if parameters else None,
        "epoch": f"{or_dash(progress.get('epoch'))}/{or_dash(spec['training'].get('num_epochs'))}",
        "step": step_of(job),
        "tokens seen": as_count(progress.get("tokens_seen")),
        "speed": f"{speed:,.0f} tokens/s" if speed is not None else None,
        "time left": as_duration(remaining_s) if remaining_s else None,
        "last evaluation": describe_latest(job.get("latest")),
        "best": describe_best(job.get("best")),
        "numerics": job.get("numerics"),
        "device": job.get("device"),
        "attempt": job.get("attempt"),
        "on disk": as_size(job["disk_bytes"]) if job.get("disk_bytes") else None,
        "created": job.get("created_at"),
        "started": job.get("started_at"),
        "finished": job.get("finished_at"),
    }
    for name, value in facts.items():
        if value is not None:
            print(f"{name:<16} {one_line(value)}")
    if notes := job.get("notes"):
        print(f"\n{clean(notes)}")


def describe_parent(parent: JSON) -> str:
    """A job's checkpoint, or a model from outside."""
    if "model" in parent:
        return str(parent["model"])
    return f"{parent['job']}, step {as_count(parent['checkpoint'])}"


def describe_latest(latest: JSON | None) -> str | None:
    if not latest:
        return None
    losses = f"train loss {as_loss(latest.get('train_loss'))}, {describe_validation(latest)}"
    return f"{losses} after step {as_count(steps_done(latest))}"


def describe_best(best: JSON | None) -> str | None:
    if not best:
        return None
    return f"{describe_validation(best)} after step {as_count(steps_done(best))}"


def describe_validation(evaluation: JSON) -> str:
    bpb = evaluation.get("val_bpb")
    bits = "" if bpb is None else f" ({as_loss(bpb)} bits per byte)"
    return f"validation loss {as_loss(evaluation.get('val_loss'))}{bits}"


def print_log(lines: Sequence[str]) -> None:
    if lines:
        print("\nThe end of its trainer's log:")
    for line in lines[-LOG_LINES_SHOWN:]:
        print(f"  {one_line(line)}")


def print_losses(evaluations: Sequence[JSON]) -> None:
    print_table(
        ["STEP#", "EPOCH#", "TOKENS SEEN#", "TRAIN#", "VALIDATION#", "BITS/BYTE#", "RATE#", "TOKENS/S#"],
        [
            [
                as_count(evaluation["step"]),
                as_count(evaluation.get("epoch")),
                as_count(evaluation.get("tokens_seen")),
                as_loss(evaluation.get("train_loss")),
                as_loss(evaluation.get("val_loss")),
                as_loss(evaluation.get("val_bpb")),
                or_dash(evaluation.get("learning_rate"), "{:.3g}"),
                or_dash(evaluation.get("tokens_per_s"), "{:,.0f}"),
            ]
            for evaluation in evaluations
        ],
        drop_order=["TOKENS/S", "RATE", "TOKENS SEEN", "BITS/BYTE", "EPOCH"],
    )


def print_samples(samples: Sequence[JSON]) -> None:
    for sample in samples:
        prompt = describe_prompt(sample, samples)
        print(f"-- epoch {or_dash(sample.get('epoch'))}, step {sample['step']}{prompt}")
        print(f"{clean(sample['text'])}\n")


def describe_prompt(sample: JSON, samples: Sequence[JSON]) -> str:
    """Which of the prompts it continues; nothing where there is one only."""
    has_several = any(other.get("index") for other in samples)
    return f", prompt {(sample.get('index') or 0) + 1}" if has_several else ""


def print_checkpoints(checkpoints: Sequence[JSON]) -> None:
    print_table(
        ["STEP#", "EPOCH#", "KIND", "TRAIN#", "VALIDATION#", "SIZE#", "CREATED", "SHA256"],
        [
            [
                as_count(checkpoint["step"]),
                as_count(checkpoint.get("epoch")),
                one_line(", ".join(checkpoint.get("kind", []))),
                as_loss(checkpoint.get("train_loss")),
                as_loss(checkpoint.get("val_loss")),
                as_size(checkpoint.get("bytes")),
                or_dash(checkpoint.get("created_at")),
                or_dash(checkpoint.get("sha256")),
            ]
            for checkpoint in checkpoints
        ],
        drop_order=["SHA256", "CREATED", "EPOCH", "TRAIN", "SIZE", "KIND"],
    )


def print_dataset(dataset: JSON) -> None:
    documents = dataset.get("documents")
    facts = {
        "id": dataset["id"],
        "name": dataset["name"],
        "status": dataset.get("status"),
        "error": dataset.get("error"),
        "characters": as_count(dataset.get("characters")),
        "bytes": as_count(dataset.get("bytes")),
        "documents": as_count(documents) if documents else "none: plain text",
        "longest document": as_count(dataset["longest_document"]) if documents else None,
        "tokens": as_count(dataset.get("tokens")),
        "sha256": dataset.get("sha256"),
        "created": dataset.get("created_at"),
    }
    if documents is None:  # nobody has used it, or the service is older
        del facts["documents"]
    for name, value in facts.items():
        if value is not None:
            print(f"{name:<16} {one_line(value)}")
    for count in dataset.get("token_counts", []):
        print(f"{'by tokenizer':<16} {one_line(describe_count(count))}")
    if first_lines := dataset.get("first_lines"):
        print(f"\n{clean(first_lines)}")


def describe_count(count: JSON) -> str:
    """The tokens of a text by one tokenizer, in a line."""
    tokens = f"{as_count(count['train_tokens'])} + {as_count(count['val_tokens'])} tokens"
    parts = [f"{count['tokenizer']}, train_ratio {or_dash(count.get('train_ratio'))}: {tokens}"]
    if (share := count.get("vocabulary_used")) is not None:
        parts.append(f"{share:.1%} of the vocabulary used")
    if (longest := count.get("longest_document_tokens")) is not None:
        parts.append(f"longest document {as_count(longest)}")
    return ", ".join(parts)


def print_datasets(datasets: Sequence[JSON]) -> None:
    print_table(
        ["ID", "NAME", "CHARACTERS#", "DOCUMENTS#", "TOKENS#"],
        [
            [
                one_line(dataset["id"]),
                one_line(dataset["name"]),
                as_count(dataset.get("characters")),
                as_count(dataset.get("documents") or None),
                as_count(dataset.get("tokens")),
            ]
            for dataset in datasets
        ],
        drop_order=["CHARACTERS", "DOCUMENTS", "TOKENS", "NAME"],
        shrinkable="NAME",
    )


def print_model(model: JSON) -> None:
    architecture = model.get("model") or {}
    parameters = model.get("parameters")
    facts = {
        "id": model["id"],
        "name": model.get("name"),
        "status": describe_model_status(model),
        "error": model.get("error"),
        "tokenizer": model.get("tokenizer"),
        "parameters": as_count(parameters) if parameters else None,
        **{name.replace("_", " "): value for name, value in architecture.items()},
        "size": as_size(model.get("bytes")),
        "sha256": model.get("sha256"),
        "created": model.get("created_at"),
    }
    for name, value in facts.items():
        if value is not None:
            print(f"{one_line(name):<16} {one_line(value)}")


def print_models(models: Sequence[JSON]) -> None:
    print_table(
        ["ID", "NAME", "STATUS", "PARAMETERS#", "SIZE#", "CREATED"],
        [
            [
                one_line(model["id"]),
                or_dash(model.get("name")),
                describe_model_status(model),
                as_count(model.get("parameters")),
                as_size(model.get("bytes")),
                or_dash(model.get("created_at")),
            ]
            for model in models
        ],
        drop_order=["CREATED", "SIZE", "PARAMETERS", "NAME"],
        shrinkable="NAME",
    )


def describe_model_status(model: JSON) -> str:
    fraction = model.get("fraction")
    if model["status"] == "preparing" and fraction:
        return f"preparing, {fraction:.0%}"
    return one_line(model["status"])
