"""What a sample has word for word from the text that its job was trained on."""

from http import HTTPStatus

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import Field

from api.http.arguments import JobPath, parse_request
from api.http.problems import HTTPProblem, problem_responses
from api.http.scopes import Scope
from api.records.copied import CopiedListing, copied_listing
from api.records.record import json_response
from api.server.pools import TEXTS, in_pool
from api.services import services
from api.views.downloads import visible_dataset
from jobs.files.arriving_text import BadText
from jobs.files.copied_spans import MAX_SEARCHED_CHARACTERS, copied_spans, words_of
from jobs.files.training_text import training_text
from jobs.lifecycle.history import get_sample
from jobs.spec.stored_specs import read_spec
from jobs.store.lookup import get_job
from jobs.validation.request_model import RequestModel
from model.config import Text

MIN_WORDS = 5

copied = APIBlueprint(
    "copied", __name__, abp_tags=[Tag(name="history")], abp_responses=problem_responses(404, 422, 500, 503)
)


class SamplePath(JobPath):
    step: Text = Field(min_length=1, max_length=20)
    """The sample's step."""

    index: Text = Field(min_length=1, max_length=20)
    """Of its prompt among those of `sampling.start_context`, from 0."""


class CopiedQuery(RequestModel):
    min_words: int = Field(MIN_WORDS, ge=1, le=1000)
    """Words that a span has at least: shorter runs are in any text by chance. Default: 5."""


@copied.get(
    "/jobs/<job_id>/samples/<step>/<index>/copied",
    responses={200: CopiedListing, **problem_responses(410)},
)
@in_pool(TEXTS)
@parse_request(Scope.READ)
def show_copied(path: SamplePath, query: CopiedQuery) -> Response:
    """List what a sample has word for word from its training text
    The longest spans of its continuation, in their order, that stand in the text with the same characters,
    each with the place where it stands first. Of a long training text its first 20,000,000 characters are
    searched.
    """
    database, settings = services().database, services().settings
    with database.read() as session:
        job = get_job(session, path.job_id)
        sample = get_sample(session, job.id, path.step, path.index)
        dataset = visible_dataset(session, job.dataset_id)
    share = read_spec(job.spec).training.train_share
    try:
        text, characters = training_text(settings, dataset, share, MAX_SEARCHED_CHARACTERS)
    except BadText as error:
        raise HTTPProblem(HTTPStatus.GONE, str(error)) from error
    given = len(sample.prompt) if sample.text.startswith(sample.prompt) else 0
    words = words_of(sample.text, given)
    spans = copied_spans(text, sample.text, words, query.min_words)
    return json_response(copied_listing(sample.text, spans, len(words), len(text), characters))
