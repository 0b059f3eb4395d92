"""Sharing a job, a data set, a tokenizer or a model from outside with all, and taking it back."""

from flask import Response
from flask_openapi import APIBlueprint, Tag
from sqlalchemy.orm import Session

from api.http.arguments import DatasetPath, ImportedModelPath, JobPath, TokenizerPath, parse_request
from api.http.problems import problem_responses
from api.http.scopes import Scope
from api.records.datasets import DatasetRecord
from api.records.imported_models import ImportedModelRecord, imported_model_record
from api.records.jobs import JobRecord
from api.records.record import Record, json_response
from api.records.tokenizers import TokenizerRecord, tokenizer_record
from api.services import services
from api.views.datasets import records_of
from api.views.jobs import job_records
from jobs.files.datasets import get_dataset
from jobs.store.imported_models import get_model
from jobs.store.lookup import get_job
from jobs.store.ownership import Owned, set_shared
from jobs.store.tables import Dataset, ImportedModel, Job, TrainedTokenizer
from jobs.store.tokenizers import get_tokenizer

sharing = APIBlueprint(
    "sharing",
    __name__,
    abp_tags=[Tag(name="sharing")],
    abp_responses=problem_responses(403, 404, 422, 500, 503),
)


@sharing.post("/jobs/<job_id>/share", responses={200: JobRecord})
@parse_request(Scope.WRITE)
def share_job(path: JobPath) -> Response:
    """Share a job
    All may see it, ask it and start from it; only its owner and administrators change it. What it is made
    from, its data sets and its tokenizer, is shared by itself. Repeating the request changes nothing.
    """
    return shared_response(Job, path.job_id, shared=True)


@sharing.post("/jobs/<job_id>/unshare", responses={200: JobRecord})
@parse_request(Scope.WRITE)
def unshare_job(path: JobPath) -> Response:
    """Stop sharing a job
    Jobs that others have started from it keep its weights. Repeating the request changes nothing.
    """
    return shared_response(Job, path.job_id, shared=False)


@sharing.post("/datasets/<dataset_id>/share", responses={200: DatasetRecord})
@parse_request(Scope.WRITE)
def share_dataset(path: DatasetPath) -> Response:
    """Share a data set
    All may read it and train on it; only its owner and administrators delete it.
    """
    return shared_response(Dataset, path.dataset_id, shared=True)


@sharing.post("/datasets/<dataset_id>/unshare", responses={200: DatasetRecord})
@parse_request(Scope.WRITE)
def unshare_dataset(path: DatasetPath) -> Response:
    """Stop sharing a data set
    Jobs of others that train on it go on.
    """
    return shared_response(Dataset, path.dataset_id, shared=False)


@sharing.post("/tokenizers/<tokenizer_id>/share", responses={200: TokenizerRecord})
@parse_request(Scope.WRITE)
def share_tokenizer(path: TokenizerPath) -> Response:
    """Share a tokenizer
    All may use and download it; only its owner and administrators delete it.
    """
    return shared_response(TrainedTokenizer, path.tokenizer_id, shared=True)


@sharing.post("/tokenizers/<tokenizer_id>/unshare", responses={200: TokenizerRecord})
@parse_request(Scope.WRITE)
def unshare_tokenizer(path: TokenizerPath) -> Response:
    """Stop sharing a tokenizer
    Jobs of others that use it go on.
    """
    return shared_response(TrainedTokenizer, path.tokenizer_id, shared=False)


@sharing.post("/models/<model_id>/share", responses={200: ImportedModelRecord})
@parse_request(Scope.WRITE)
def share_model(path: ImportedModelPath) -> Response:
    """Share a model from outside
    All may ask it and start from it; only its owner and administrators delete it.
    """
    return shared_response(ImportedModel, path.model_id, shared=True)


@sharing.post("/models/<model_id>/unshare", responses={200: ImportedModelRecord})
@parse_request(Scope.WRITE)
def unshare_model(path: ImportedModelPath) -> Response:
    """Stop sharing a model from outside
    Jobs that others have started from it keep its weights.
    """
    return shared_response(ImportedModel, path.model_id, shared=False)


def shared_response(table: type[Owned], row_id: str, *, shared: bool) -> Response:
    """raises  NotFound"""
    with services().database.write() as session:
        set_shared(session, table, row_id, shared=shared)
        record = record_of(session, table, row_id)
    return json_response(record)


def record_of(session: Session, table: type[Owned], row_id: str) -> Record:
    """As the subject's own view shows it. raises  NotFound"""
    if table is Dataset:
        return records_of(session, [get_dataset(session, row_id)])[row_id]
    if table is Job:
        [record] = job_records(session, [get_job(session, row_id)])
        return record
    if table is TrainedTokenizer:
        return tokenizer_record(get_tokenizer(session, row_id))
    return imported_model_record(get_model(session, row_id))
