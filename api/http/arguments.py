"""A view's arguments: path, query and body, parsed and validated before it is called."""

from collections.abc import Callable
from functools import partial, wraps
from http import HTTPStatus
from typing import Any, get_type_hints

from pydantic import Field, ValidationError
from werkzeug.wrappers import Response

from api.http.bodies import call_with_body, read_json, read_no_body
from api.http.idempotency import answer_once
from api.http.owners import check_path
from api.http.problems import HTTPProblem
from api.http.queries import NoParameters, read_query
from api.http.scopes import Scope
from jobs.validation.parsing import parse
from jobs.validation.request_model import RequestModel
from model.config import Text

View = Callable[..., Response]


class JobPath(RequestModel):
    job_id: Text = Field(min_length=1, max_length=200)
    """The job's id."""


class ModelPath(RequestModel):
    model_id: Text = Field(min_length=1, max_length=300)
    """`JOB_ID`, `JOB_ID:best` or `JOB_ID:STEP`; the id of a model from outside."""


class ImportedModelPath(RequestModel):
    model_id: Text = Field(min_length=1, max_length=200)
    """The id of a model from outside."""


class DatasetPath(RequestModel):
    dataset_id: Text = Field(min_length=1, max_length=200)
    """The data set's id, or a built-in one's name."""


class TokenizerPath(RequestModel):
    tokenizer_id: Text = Field(min_length=1, max_length=200)
    """The tokenizer's id."""


class WebhookPath(RequestModel):
    webhook_id: Text = Field(min_length=1, max_length=200)
    """The webhook's id."""


def parse_request(
    scope: Scope,
    body: Callable[[Any], Any] | None = None,
    *,
    reads_body: bool = False,
    keeps_answer: bool = False,
    of_path: Scope | None = None,
) -> Callable[[View], View]:
    """Call a view with those of `path`, `query` and `body` that it takes, as the models of its annotations.

    scope       what the request needs to be allowed
    body        makes the view's argument of the decoded JSON; raises SpecError. None: the view takes no body,
                and one that holds anything is refused
    reads_body  whether the view reads the body itself
    keeps_answer  whether a request with an `Idempotency-Key` is done once: the view passes `Answer.keep` to
                whatever stores what is asked for; one that reads its body calls `answer_once` too
    of_path     READ where what the path names is only read, although the request changes something else
    raises      HTTPProblem for whatever is wrong, such as a query parameter that the view does not declare
    """

    def decorate(view: View) -> View:
        hints = get_type_hints(view)

        @wraps(view)
        def call(**path_values: str) -> Response:
            arguments: dict[str, Any] = {}
            if "path" in hints:
                arguments["path"] = path = parse_path(hints["path"], path_values)
                check_path(path, changes=(of_path or scope) is not Scope.READ)
            query = read_query(hints.get("query", NoParameters))
            if "query" in hints:
                arguments["query"] = query
            if keeps_answer and body is not None:
                decoded = read_json()
                return answer_once(lambda: view(**arguments, body=body(decoded)), lambda: decoded)
            if body is not None:
                return call_with_body(view, arguments, body)
            if not reads_body:
                parse_empty(read_no_body())
            return view(**arguments)

        # flask-openapi documents the annotations and would also check them, but laxly: it takes "10" and true
        # for integers, and the last of two equal names. This is how its own `validate_request` opts out.
        call.__delay_validate_request__ = True  # type: ignore[attr-defined]
        call.scope = scope  # type: ignore[attr-defined]
        return call

    return decorate


MAX_OPENAI_VALUES = 100_000
"""In a body: a prompt may be a list of tokens."""


def parse_openai_request(scope: Scope, body: Callable[[Any], Any] | None = None) -> Callable[[View], View]:
    """The same for a view below `/v1`: as OpenAI's API does, it ignores unknown parameters, and a body where
    it takes none."""

    def decorate(view: View) -> View:
        hints = get_type_hints(view)

        @wraps(view)
        def call(**path_values: str) -> Response:
            arguments = {"path": parse_path(hints["path"], path_values)} if "path" in hints else {}
            if body is None:
                return view(**arguments)
            return call_with_body(view, arguments, body, MAX_OPENAI_VALUES)

        call.__delay_validate_request__ = True  # type: ignore[attr-defined]
        call.scope = scope  # type: ignore[attr-defined]
        return call

    return decorate


def parse_path(model: type[RequestModel], values: dict[str, str]) -> RequestModel:
    """raises  HTTPProblem (404): what can be no id is not found"""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise HTTPProblem(HTTPStatus.NOT_FOUND, "nothing has that id") from error


def model_parser(model: type[RequestModel]) -> Callable[[Any], RequestModel]:
    """A parser of JSON bodies that raises SpecError with every wrong field."""
    return partial(parse, model)


parse_empty = model_parser(NoParameters)
