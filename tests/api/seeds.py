"""Jobs in every stage, made by the functions that the workers use."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from jobs.lifecycle.attempts import end
from jobs.lifecycle.checkpoints import record_checkpoint
from jobs.lifecycle.history import record_evaluation, record_progress, record_sample
from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.tables import Job
from tests.jobs.making import running_job

STEPS_PER_EVALUATION = 5
TOKENS_PER_STEP = 128


def ended_job(database: Database, settings: Settings, status: Status, **spec: Any) -> Job:
    job = running_job(database, settings, **spec)
    with database.write() as session:
        end(session, job.id, job.attempt, status)
    return job


def evaluate(database: Database, job: Job, count: int) -> None:
    """Record evaluations at steps 0, 5, 10, ...; the validation loss turns at step 5."""
    with database.write() as session:
        for index in range(count):
            step = index * STEPS_PER_EVALUATION
            tokens_seen = (step + 1) * TOKENS_PER_STEP
            row = {
                "step": step,
                "epoch": 1,
                "tokens_seen": tokens_seen,
                "train_loss": 9.0 - index,
                "val_loss": 9.5 + abs(index - 1) / 4,
                "val_bpb": 2.0 + abs(index - 1) / 4,
                "learning_rate": 4e-4,
                "grad_norm": None,
                "tokens_per_s": 100.0,
                "elapsed_s": 3.5 + step,
            }
            record_evaluation(session, job.id, job.attempt, row)
            record_progress(
                session,
                job.id,
                job.attempt,
                step=step + 1,
                epoch=1,
                tokens_seen=tokens_seen,
                tokens_per_s=100.0,
                remaining_s=75.5,
            )


def sample(
    database: Database, job: Job, step: int, text: str = "Every effort moves you,", prompts: int = 1
) -> None:
    row = {"step": step, "epoch": 1, "prompt": "Every effort moves you", "text": text}
    with database.write() as session:
        for index in range(prompts):
            record_sample(session, job.id, job.attempt, {**row, "index": index})


def checkpoint(database: Database, job: Job, step: int, val_loss: float = 6.0) -> None:
    row = {
        "step": step,
        "epoch": 1,
        "train_loss": 5.0,
        "val_loss": val_loss,
        "bytes": 1000,
        "sha256": f"{step:064d}",
        "directory": f"jobs/{job.id}/attempt-1/step-{step}",
    }
    with database.write() as session:
        record_checkpoint(session, job.id, job.attempt, row, keep_last=1, keep_best=1)


def stored_checkpoint(
    database: Database,
    settings: Settings,
    job: Job,
    step: int,
    weights: bytes,
    val_loss: float = 6.0,
    tokenizer_json: bytes | None = None,
) -> Path:
    """A checkpoint whose weights file lies in its folder, with as much of a manifest as the API reads; the
    file."""
    row = {
        "step": step,
        "epoch": 1,
        "train_loss": 5.0,
        "val_loss": val_loss,
        "bytes": len(weights) + 100,
        "sha256": sha256(weights).hexdigest(),
        "directory": f"jobs/{job.id}/attempt-1/step-{step:08d}",
    }
    folder = settings.artifacts / str(row["directory"])
    folder.mkdir(parents=True)
    files: dict[str, dict[str, Any]] = {"weights.safetensors": {"bytes": len(weights)}}
    if tokenizer_json is not None:
        (folder / "tokenizer.json").write_bytes(tokenizer_json)
        entry = {"bytes": len(tokenizer_json), "sha256": sha256(tokenizer_json).hexdigest()}
        files["tokenizer.json"] = entry
    manifest = {"files": files}
    (folder / "checkpoint.json").write_text(json.dumps(manifest))
    (folder / "weights.safetensors").write_bytes(weights)
    with database.write() as session:
        record_checkpoint(session, job.id, job.attempt, row, keep_last=1, keep_best=1)
    return folder / "weights.safetensors"
