"""Where files lie below the artifacts' folder. All names are the service's own."""

import hashlib
import tempfile
from pathlib import Path

CHECKPOINT_WEIGHTS = "weights.safetensors"
CHECKPOINT_TRAINING = "training.safetensors"
CHECKPOINT_MANIFEST = "checkpoint.json"
CHECKPOINT_TOKENIZER = "tokenizer.json"
"""In a checkpoint's folder. `model.manifest` writes and checks them, which the API can't import."""
INITIAL = "initial"
"""In a job's folder: the checkpoint that it starts from in place of drawn weights."""


def check_writable(artifacts: Path) -> None:
    """Try to write in the folder, or in the one that it would be made in; no file is left.

    raises  OSError
    """
    # Permissions alone don't tell: root has all, but can't write on a read-only disk, nor in /proc.
    with tempfile.TemporaryFile(dir=nearest_existing(artifacts)):
        pass


def nearest_existing(folder: Path) -> Path:
    """The folder, or the closest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def datasets_directory(artifacts: Path) -> Path:
    return artifacts / "datasets"


def dataset_path(artifacts: Path, sha256: str) -> Path:
    return datasets_directory(artifacts) / f"{sha256}.txt"


def tokenizers_directory(artifacts: Path) -> Path:
    return artifacts / "tokenizers"


def tokenizer_path(artifacts: Path, sha256: str) -> Path:
    """sha256  of its ranks"""
    return tokenizers_directory(artifacts) / f"{sha256}.json"


def tokens_directory(artifacts: Path) -> Path:
    return artifacts / "tokens"


def tokens_path(
    artifacts: Path, sha256: str, tokenizer: str, train_ratio: float, text_start_bytes: int = 0
) -> Path:
    """The tokens of a data set, written by one trainer, found by later ones (`model.storage.token_file`)."""
    start = f"-from-{text_start_bytes}" if text_start_bytes else ""
    return tokens_directory(artifacts) / f"{sha256}-{tokenizer}-{train_ratio}{start}.tokens"


def models_directory(artifacts: Path) -> Path:
    return artifacts / "models"


def model_directory(artifacts: Path, model_id: str) -> Path:
    return models_directory(artifacts) / model_id


def jobs_directory(artifacts: Path) -> Path:
    return artifacts / "jobs"


def job_directory(artifacts: Path, job_id: str) -> Path:
    return jobs_directory(artifacts) / job_id


def initial_directory(artifacts: Path, job_id: str) -> Path:
    return job_directory(artifacts, job_id) / INITIAL


def checkpoint_root(artifacts: Path, job_id: str, attempt: int) -> Path:
    """Of one attempt alone, so that a fenced one overwrites nothing."""
    return job_directory(artifacts, job_id) / f"attempt-{attempt}"


def log_directory(artifacts: Path, job_id: str, attempt: int) -> Path:
    """Of what the attempt's trainer wrote: see `jobs.files.trainer_logs`. Not in the attempt's own folder, of
    which nothing but listed checkpoints is kept."""
    return job_directory(artifacts, job_id) / "logs" / f"attempt-{attempt}"


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
