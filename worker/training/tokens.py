"""The tokens of a job's texts, for its trainer to read, and its tokenizer."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from jobs.files.datasets import get_dataset
from jobs.files.layout import initial_directory, tokens_path
from jobs.files.tokenizers import TokenizerLost
from jobs.settings import Settings
from jobs.spec.job_spec import JobSpec
from jobs.store.database import Database
from jobs.store.preparations import text_keys
from jobs.store.tables import Checkpoint, Job
from model.manifest import CheckpointError, checkpoint_tokenizer, read_manifest
from model.storage.stored_ids import TokenFile
from model.tokenizers import Tokenizer
from worker.retry import retry_while_unavailable
from worker.tokens import ensure_tokens, stored_tokenizer


def find_tokens(
    settings: Settings,
    database: Database,
    job: Job,
    tokenizer: Tokenizer,
    threads: int,
    on_progress: Callable[[], None],
) -> list[TokenFile]:
    """Of the text to train on, and if there is one of the text to validate on. They are those that a worker
    has prepared; where they have gone since, or the text is so short that nobody has prepared it, they are
    written now.

    on_progress  called again and again meanwhile; may raise
    raises       BadText, OSError
    """
    files = []
    for dataset_id, _, train_ratio in text_keys(job):
        dataset = retry_while_unavailable(database.read, partial(get_dataset, dataset_id=dataset_id))
        manifest = ensure_tokens(settings, dataset, tokenizer, train_ratio, threads, on_progress)
        source = (dataset.sha256, tokenizer.name, train_ratio, dataset.text_start_bytes)
        files.append(TokenFile(tokens_path(settings.artifacts, *source), manifest))
    return files


def find_job_tokenizer(
    settings: Settings, database: Database, job: Job, spec: JobSpec, checkpoints: Sequence[Checkpoint]
) -> Tokenizer:
    """The one that the spec names; where its file has gone since, the copy in the newest of the job's
    checkpoints that has it undamaged, or in the one that it starts from.

    raises  NotFound, TokenizerLost, TokenizerNotReady, OSError
    """
    try:
        return stored_tokenizer(settings, database, spec.tokenizer)
    except TokenizerLost:
        for directory in folders_with_copies(settings.artifacts, job, checkpoints):
            with suppress(CheckpointError):
                return checkpoint_tokenizer(directory, read_manifest(directory))
        raise


def folders_with_copies(artifacts: Path, job: Job, checkpoints: Sequence[Checkpoint]) -> Iterator[Path]:
    for checkpoint in reversed(checkpoints):
        yield artifacts / checkpoint.directory
    if job.takes_optimizer is not None:
        yield initial_directory(artifacts, job.id)
