"""The tokens of a job's text: those that an earlier trainer wrote, or else written now."""

import os
from collections.abc import Callable

from jobs.files.datasets import BadText, find_text, get_dataset
from jobs.files.layout import tokens_path
from jobs.process.panics import NativePanic, native_panics_as_errors
from jobs.settings import Settings
from jobs.spec.job_spec import JobSpec
from jobs.store.database import Database
from jobs.store.tables import Job
from model.storage.token_file import TokenFile, TokenFileError, open_tokens, write_tokens
from model.tokenizers import load_tokenizer
from worker.training.retry import retry_while_unavailable


def find_tokens(
    settings: Settings,
    database: Database,
    job: Job,
    spec: JobSpec,
    threads: int,
    on_progress: Callable[[], None],
) -> TokenFile:
    """
    on_progress  called again and again while tokens are written; may raise
    raises       BadText, OSError
    """
    dataset = retry_while_unavailable(database.read, lambda session: get_dataset(session, job.dataset_id))
    source = (dataset.sha256, spec.tokenizer, spec.training.train_ratio, dataset.text_start_bytes)
    path = tokens_path(settings.artifacts, *source)
    try:
        tokens = open_tokens(path, *source)
    except TokenFileError:
        text = find_text(settings, dataset, on_progress)
        try:
            with native_panics_as_errors():
                write_tokens(
                    text,
                    path,
                    load_tokenizer(spec.tokenizer),
                    spec.training.train_ratio,
                    threads=threads,
                    on_chunk=on_progress,
                )
        except NativePanic as panic:  # it would only happen again
            raise BadText(f"the tokenizer {spec.tokenizer} can't encode the text: {panic}") from panic
        return open_tokens(path, *source)
    os.utime(path)  # the keeper deletes what has not been used for long
    return tokens
