"""Submitting a job that may start from weights: another job's checkpoint, or a model from outside."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery
from sqlalchemy.orm import Session

from jobs.files.initial_weights import link_checkpoint
from jobs.files.staged_jobs import staged_job
from jobs.lifecycle.checkpoints import find_checkpoint
from jobs.lifecycle.submission import OnStored, Start, nothing_more, submit
from jobs.lifecycle.waiting import Waiting
from jobs.lifecycle.weights import with_files
from jobs.settings import Settings
from jobs.spec.job_spec import JobSpec
from jobs.spec.start_from import FindSource, SourceModel, StartFrom, disagreements
from jobs.spec.stored_specs import UnreadableSpec, read_spec
from jobs.store.database import Database
from jobs.store.imported_models import get_ready_model
from jobs.store.lookup import NotFound, get_job
from jobs.store.tables import Job
from jobs.validation.field_errors import FieldError, SpecError
from model.config import with_initialization


@dataclass(frozen=True)
class Source:
    """Weights that a job can start from."""

    model: SourceModel
    id: str
    """Of the job or the model from outside."""
    directory: str
    """Of the checkpoint, relative to the artifacts' root."""
    columns: dict[str, Any]
    """Of the row of a job that starts from them."""


def post(
    database: Database,
    settings: Settings,
    spec: JobSpec,
    celery: Celery | None = None,
    on_stored: OnStored = nothing_more,
) -> tuple[Job, Waiting]:
    """Submit a job. The weights that it starts from are in its own folder by then. `on_stored` as `submit`.

    raises  SpecError, WeightsLost, CheckpointFilesLost, OSError
    """
    if spec.start_from is None:
        return submit(database, settings, spec, celery, on_stored=on_stored)
    with staged_job(settings.artifacts) as folder:
        source, size_bytes = link_source(database, settings.artifacts, spec.start_from, folder)
        if errors := disagreements(spec.model_dump(), source.model):
            raise SpecError(errors)
        columns = {**source.columns, "takes_optimizer": False, "initial_bytes": size_bytes}
        try:
            start = Start(folder, source.id, 0, columns)
            return submit(database, settings, spec, celery, start, on_stored)
        except NotFound as error:
            raise SpecError([FieldError("start_from", str(error), spec.start_from.model_dump())]) from error


def source_finder(database: Database) -> FindSource:
    """For `parse_spec`."""

    def find(asked: StartFrom) -> SourceModel:
        with database.read() as session:
            return find_source(session, asked).model

    return find


def find_source(session: Session, asked: StartFrom) -> Source:
    """raises  SpecError if there are no such weights, or not yet"""
    if asked.model is not None:
        return model_source(session, asked.model)
    assert asked.job is not None
    name = asked.checkpoint if asked.checkpoint is not None else "last"
    try:
        job = get_job(session, asked.job)
        spec = read_spec(job.spec)
    except (NotFound, UnreadableSpec) as error:
        raise SpecError([FieldError("start_from.job", str(error), asked.job)]) from error
    try:
        checkpoint = find_checkpoint(session, job.id, str(name))
    except NotFound as error:
        raise SpecError([FieldError("start_from.checkpoint", str(error), name)]) from error
    return Source(
        SourceModel(f"job {job.id}", spec.tokenizer, with_initialization(spec.model.model_dump())),
        job.id,
        checkpoint.directory,
        {"parent_id": job.id, "parent_step": checkpoint.step},
    )


def model_source(session: Session, model_id: str) -> Source:
    """raises  SpecError"""
    try:
        model = get_ready_model(session, model_id)
    except NotFound as error:
        raise SpecError([FieldError("start_from.model", str(error), model_id)]) from error
    assert model.tokenizer is not None
    assert model.config is not None
    assert model.directory is not None
    described = SourceModel(f"the model {model.id}", model.tokenizer, model.config)
    return Source(described, model.id, model.directory, {"parent_model_id": model.id})


def link_source(database: Database, artifacts: Path, asked: StartFrom, folder: Path) -> tuple[Source, int]:
    """Link the weights into a job's `folder`; returns what they are, and their size in bytes.

    raises  as `post`
    """

    def link(source: Source) -> tuple[Source, int]:
        return source, link_checkpoint(artifacts / source.directory, folder, weights_only=True)

    return with_files(
        database, lambda session: find_source(session, asked), link, lambda source: source.model.name
    )
