"""Checkpoints on disk, as far as the record reads them, made by the functions that trainers use."""

from pathlib import Path
from typing import Any

from jobs.lifecycle.checkpoints import record_checkpoint
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Job
from model.storage.manifest_file import write_content


def resumable_checkpoint(database: Database, settings: Settings, job: Job, step: int, **columns: Any) -> Path:
    """A listed checkpoint with the optimizer's state; its folder. All that the job has are kept."""
    row = {
        "step": step,
        "epoch": 1,
        "train_loss": 5.0,
        "val_loss": 6.0,
        "bytes": 300,
        "sha256": f"{step:064d}",
        "directory": f"jobs/{job.id}/attempt-{job.attempt}/step-{step:08d}",
        **columns,
    }
    folder = settings.artifacts / str(row["directory"])
    folder.mkdir(parents=True)
    contents = {"weights.safetensors": b"w" * 100, "training.safetensors": b"t" * 200}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    files = {name: {"bytes": len(content)} for name, content in contents.items()}
    position = {"step": step, "epoch": 1, "tokens_seen": 128 * step}
    write_content(folder / "checkpoint.json", {"files": files, "position": position})
    with database.write() as session:
        record_checkpoint(session, job.id, job.attempt, row, keep_last=100, keep_best=100)
    return folder
