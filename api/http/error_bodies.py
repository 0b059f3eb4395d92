"""What an error is answered with, of the application or of the server itself."""

from dataclasses import dataclass
from http import HTTPStatus

from api.http import openai_errors, problems
from api.http.openai_errors import is_openai_path, openai_error, openai_status
from api.http.problems import HTTPProblem, problem_json
from jobs.validation.strict_json import to_json


@dataclass(frozen=True)
class ErrorBody:
    status: HTTPStatus
    content: bytes
    media_type: str


def error_body(problem: HTTPProblem, path: str) -> ErrorBody:
    """A problem document, or below `/v1` OpenAI's error object.

    path  of the request, percent-decoded
    """
    if is_openai_path(path):
        content = to_json(openai_error(problem)).encode()
        return ErrorBody(openai_status(problem), content, openai_errors.MEDIA_TYPE)
    return ErrorBody(problem.status, problem_json(problem, path), problems.MEDIA_TYPE)
