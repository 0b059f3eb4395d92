"""The tokens of a job's text, for its trainer to read, and its tokenizer."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from jobs.files.datasets import get_dataset
from jobs.files.layout import tokens_path
from jobs.files.tokenizers import TokenizerLost
from jobs.settings import Settings
from jobs.spec.job_spec import JobSpec
from jobs.store.database import Database
from jobs.store.tables import Checkpoint, Job
from model.manifest import CheckpointError, checkpoint_tokenizer, read_manifest
from model.storage.stored_ids import TokenFile
from model.tokenizers import Tokenizer, load_tokenizer
from worker.retry import retry_while_unavailable
from worker.tokens import ensure_tokens, stored_tokenizer


def find_tokens(
    settings: Settings,
    database: Database,
    job: Job,
    spec: JobSpec,
    threads: int,
    on_progress: Callable[[], None],
    tokenizer: Tokenizer | None = None,
) -> TokenFile:
    """Those that a worker has prepared. Where they have gone since, or the text is so short that nobody has
    prepared it, they are written now.

    on_progress  called again and again meanwhile; may raise
    tokenizer    None for the built-in one that the spec names
    raises       BadText, OSError
    """
    dataset = retry_while_unavailable(database.read, lambda session: get_dataset(session, job.dataset_id))
    tokenizer, train_ratio = tokenizer or load_tokenizer(spec.tokenizer), spec.training.train_ratio
    manifest = ensure_tokens(settings, dataset, tokenizer, train_ratio, threads, on_progress)
    source = (dataset.sha256, tokenizer.name, train_ratio, dataset.text_start_bytes)
    return TokenFile(tokens_path(settings.artifacts, *source), manifest)


def find_job_tokenizer(
    settings: Settings, database: Database, spec: JobSpec, checkpoints: Sequence[Checkpoint]
) -> Tokenizer:
    """The one that the spec names; where its file has gone since, the copy in the newest of the job's
    checkpoints that has it undamaged.

    raises  NotFound, TokenizerLost, TokenizerNotReady, OSError
    """
    try:
        return stored_tokenizer(settings, database, spec.tokenizer)
    except TokenizerLost:
        for checkpoint in reversed(checkpoints):
            directory = settings.artifacts / checkpoint.directory
            with suppress(CheckpointError):
                return checkpoint_tokenizer(directory, read_manifest(directory))
        raise
