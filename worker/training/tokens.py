"""The tokens of a job's text, for its trainer to read."""

from collections.abc import Callable

from jobs.files.datasets import get_dataset
from jobs.files.layout import tokens_path
from jobs.settings import Settings
from jobs.spec.job_spec import JobSpec
from jobs.store.database import Database
from jobs.store.tables import Job
from model.storage.stored_ids import TokenFile
from worker.retry import retry_while_unavailable
from worker.tokens import ensure_tokens


def find_tokens(
    settings: Settings,
    database: Database,
    job: Job,
    spec: JobSpec,
    threads: int,
    on_progress: Callable[[], None],
) -> TokenFile:
    """Those that a worker has prepared. Where they have gone since, or the text is so short that nobody has
    prepared it, they are written now.

    on_progress  called again and again meanwhile; may raise
    raises       BadText, OSError
    """
    dataset = retry_while_unavailable(database.read, lambda session: get_dataset(session, job.dataset_id))
    tokenizer, train_ratio = spec.tokenizer, spec.training.train_ratio
    manifest = ensure_tokens(settings, dataset, tokenizer, train_ratio, threads, on_progress)
    path = tokens_path(settings.artifacts, dataset.sha256, tokenizer, train_ratio, dataset.text_start_bytes)
    return TokenFile(path, manifest)
