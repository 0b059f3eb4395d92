"""What a command says to do next."""

import pytest

from tests.client.conftest import Command
from tests.client.service import FakeService


@pytest.mark.parametrize(
    ("arguments", "path", "detail", "command"),
    [
        (["show", "{}"], "/jobs/{}", "no job '{}'", "pretrain jobs"),
        (["datasets", "show", "{}"], "/datasets/{}", "no data set '{}'", "pretrain datasets list"),
        (["tokenizers", "show", "{}"], "/tokenizers/{}", "no tokenizer '{}'", "pretrain tokenizers list"),
        (["models", "show", "{}"], "/models/{}", "no model '{}'", "pretrain models list"),
    ],
)
@pytest.mark.parametrize(
    ("given", "more"),
    [("job-66171ce53768cae07f279", ""), ("first-look", ": they are named by their ids, not their names")],
)
def test_an_unknown_id_leads_to_the_list_and_a_name_to_the_id(
    arguments: list[str],
    path: str,
    detail: str,
    command: str,
    given: str,
    more: str,
    service: FakeService,
    pretrain: Command,
) -> None:
    path, detail = path.format(given), detail.format(given)
    service.respond("GET", path, {"title": "Not Found", "detail": detail}, 404)
    outcome = pretrain(*(each.format(given) for each in arguments), "--url", service.url)
    assert outcome.status == 1
    assert outcome.err.splitlines() == [
        f"pretrain: 404 Not Found: {detail}",
        f"`{command}` lists those that there are{more}.",
    ]


@pytest.mark.parametrize("name", ["red/blue", ".."])
def test_a_name_that_can_be_no_id_leads_to_the_ids_too(
    name: str, service: FakeService, pretrain: Command
) -> None:
    outcome = pretrain("show", name, "--url", service.url)
    assert outcome.status == 2
    assert outcome.err.splitlines() == [
        f"pretrain: '{name}' is no id of a job",
        "`pretrain jobs` lists those that there are: they are named by their ids, not their names.",
    ]
    assert service.requests == []


def test_who_names_no_job_is_not_told_of_ids(service: FakeService, pretrain: Command) -> None:
    problem = {"title": "Not Found", "detail": "no job has a checkpoint yet"}
    service.respond("POST", "/generate", problem, 404)
    outcome = pretrain("generate", "Every", "--url", service.url)
    assert outcome.err == "pretrain: 404 Not Found: no job has a checkpoint yet\n"


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("training.learning_rat", "Did you mean training.learning_rate?"),
        ("trainng.seed", "Did you mean training.seed?"),
        ("num_epochs", "Did you mean training.num_epochs?"),
        ("model.layers", "Did you mean model.n_layers?"),
        ("training.seed", None),
        ("training.zzz", None),
    ],
)
def test_a_field_that_is_nearly_one_is_guessed(
    field: str, hint: str | None, service: FakeService, pretrain: Command
) -> None:
    wrong = {"field": field, "message": "unknown field", "value": 1}
    service.respond("POST", "/jobs", {"title": "Unprocessable Content", "errors": [wrong]}, 422)
    outcome = pretrain("submit", "--set", f"{field}=1", "--url", service.url)
    assert outcome.status == 1
    assert outcome.err.splitlines()[2:] == ([] if hint is None else [hint])
