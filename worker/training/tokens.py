"""The tokens of a job's texts, for its trainer to read."""

from collections.abc import Callable
from functools import partial

from jobs.files.datasets import get_dataset
from jobs.files.layout import tokens_path
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.preparations import text_keys
from jobs.store.tables import Job
from model.storage.stored_ids import TokenFile
from worker.retry import retry_while_unavailable
from worker.tokens import ensure_tokens


def find_tokens(
    settings: Settings, database: Database, job: Job, threads: int, on_progress: Callable[[], None]
) -> list[TokenFile]:
    """Of the text to train on, and if there is one of the text to validate on. They are those that a worker
    has prepared; where they have gone since, or the text is so short that nobody has prepared it, they are
    written now.

    on_progress  called again and again meanwhile; may raise
    raises       BadText, OSError
    """
    files = []
    for dataset_id, tokenizer, train_ratio in text_keys(job):
        dataset = retry_while_unavailable(database.read, partial(get_dataset, dataset_id=dataset_id))
        manifest = ensure_tokens(settings, dataset, tokenizer, train_ratio, threads, on_progress)
        source = (dataset.sha256, tokenizer, train_ratio, dataset.text_start_bytes)
        files.append(TokenFile(tokens_path(settings.artifacts, *source), manifest))
    return files
