"""Texts that a job's checkpoint, or a model from outside, scores."""

from typing import Annotated

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import Field

from api.http.answer_problems import answer_problems
from api.http.arguments import model_parser, parse_request
from api.http.disconnects import client_disconnected
from api.http.problems import invalid_fields, problem_responses
from api.http.scopes import Scope
from api.records.record import json_response
from api.records.scores import ScoreRecord, score_record
from api.server.pools import GENERATIONS, in_pool
from api.services import services
from api.views.generation import target_of
from jobs.broker.generation import CheckpointRequest, ScoreRequest
from jobs.broker.replies import RequestFailed
from jobs.broker.requester import request_scores
from jobs.validation.field_errors import FieldError
from model.config import Text

scores = APIBlueprint(
    "scores",
    __name__,
    abp_tags=[Tag(name="generation")],
    abp_responses=problem_responses(400, 404, 413, 415, 422, 500, 503),
)


class ScoredText(CheckpointRequest):
    text: Annotated[Text, Field(min_length=1, max_length=2**20)]
    """The text to score, of `PRETRAIN_MAX_SCORE_TOKENS` tokens at most."""


@scores.post("/score", responses={200: ScoreRecord})
@in_pool(GENERATIONS)
@parse_request(Scope.READ, body=model_parser(ScoredText))
def post_score(body: ScoredText) -> Response:
    """Score a text
    Says of each token how likely the checkpoint takes it to be after those before it, in float32, and how
    well it predicts the whole. A text longer than the context is read in windows as long as the context, each
    of which begins half a context behind the one before and predicts what that has not. Waits for a
    generation worker, up to `PRETRAIN_GENERATE_TIMEOUT_S`.
    """
    request = ScoreRequest(kind="score", text=body.text, **target_of(body))
    timeout_s = services().settings.generate_timeout_s
    with answer_problems():
        try:
            [scored] = request_scores(
                services().celery, services().redis, [request], timeout_s, client_disconnected
            )
        except RequestFailed as error:
            if error.cause == "invalid":
                raise invalid_fields([FieldError("text", str(error), body.text)]) from error
            raise
    return json_response(score_record(request, scored))
