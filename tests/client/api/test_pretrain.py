"""The client as a whole: how it is imported, which service and which token it takes, its errors."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import client
from client import Pretrain
from client.errors import ApiError, ClientError, Unreachable, UsageError
from tests.client.service import FakeService, job_record


@pytest.fixture
def pretrain_client(service: FakeService) -> Iterator[Pretrain]:
    with Pretrain(service.url) as connected:
        yield connected


def loaded_by(statement: str, *modules: str) -> str:
    """Which of these modules a process has loaded behind that statement."""
    look = f"import sys; {statement}; print(*sorted({set(modules)} & set(sys.modules)))"
    return subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True).stdout


def test_the_package_offers_one_name_and_loads_nothing_heavy_before_it_is_used() -> None:
    assert client.__all__ == ["Pretrain"]
    assert loaded_by("import client", "httpx2", "pydantic", "rich", "sqlalchemy") == "\n"
    with pytest.raises(AttributeError, match="no attribute 'Client'"):
        client.Client  # type: ignore[attr-defined]  # noqa: B018


def test_using_it_loads_neither_torch_nor_pandas_nor_the_command_line() -> None:
    use = "from client import Pretrain; Pretrain('http://localhost')"
    assert loaded_by(use, "torch", "numpy", "pandas", "typer", "rich", "celery") == "\n"


def test_the_package_is_typed() -> None:
    assert (Path(client.__file__).parent / "py.typed").exists()


def test_the_service_is_that_of_the_environment_unless_it_is_given(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRETRAIN_URL", "http://elsewhere:1/")
    assert Pretrain().url == "http://elsewhere:1"
    assert Pretrain(service.url).url == service.url
    with pytest.raises(UsageError, match="does not begin with http"):
        Pretrain("localhost:8000")


def test_a_token_that_is_given_goes_before_that_of_the_environment(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.respond("GET", "/jobs/job-1", job_record())
    monkeypatch.setenv("PRETRAIN_TOKEN", "pt_environment")
    for token, sent in ((None, "pt_environment"), ("pt_given", "pt_given")):
        with Pretrain(service.url, token) as connected:
            connected.jobs.get("job-1")
        assert service.requests[-1].headers["Authorization"] == f"Bearer {sent}"


def test_a_refusal_has_the_problems_fields(service: FakeService, pretrain_client: Pretrain) -> None:
    wrong = {"field": "training.learning_rate", "message": "must be positive", "value": -1}
    problem = {
        "title": "Unprocessable Content",
        "detail": "1 field is wrong",
        "instance": "/jobs",
        "errors": [wrong],
    }
    service.respond("POST", "/jobs", problem, 422, {"X-Request-ID": "req-1", "Retry-After": "3"})
    with pytest.raises(ApiError) as refused:
        pretrain_client.jobs.submit({"training": {"learning_rate": -1}})
    error = refused.value
    assert (error.status, error.title, error.detail) == (422, "Unprocessable Content", "1 field is wrong")
    assert (error.instance, error.request_id, error.retry_after_s) == ("/jobs", "req-1", 3)
    assert (error.errors, error.fields) == ([wrong], {"training.learning_rate"})


def test_every_error_is_a_client_error(pretrain_client: Pretrain) -> None:
    for kind in (ApiError, Unreachable, UsageError):
        assert issubclass(kind, ClientError)
    with pytest.raises(UsageError, match="is no id of a job"):
        pretrain_client.jobs.get("..")
    with pytest.raises(ApiError, match="404"):
        pretrain_client.jobs.get("job-9")
    with pytest.raises(Unreachable, match="Connection refused"):
        Pretrain("http://127.0.0.1:9").jobs.get("job-1")
