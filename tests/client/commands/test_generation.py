"""generate"""

import json

from tests.client.conftest import Command
from tests.client.service import FakeService

GENERATION = {
    "object": "generation",
    "job_id": "job-1",
    "checkpoint": 30,
    "prompt": "Every effort",
    "completion": " moves you",
    "text": "Every effort moves you",
    "prompt_tokens": 2,
    "completion_tokens": 2,
    "finish_reason": "length",
    "seed": 0,
    "tokens_per_s": 50.0,
}


def test_generate_takes_a_prompt_alone(service: FakeService, pretrain: Command) -> None:
    service.respond("POST", "/generate", GENERATION)
    outcome = pretrain("generate", "Every effort", "--url", service.url)
    assert service.sent("POST", "/generate").body == {"prompt": "Every effort"}
    assert outcome.out == "Every effort moves you\n"


def test_generate_passes_the_job_and_every_option(service: FakeService, pretrain: Command) -> None:
    service.respond("POST", "/generate", GENERATION)
    options = ["--checkpoint", 30, "--max-new-tokens", 9, "--temperature", 0.7, "--top-k", 5, "--top-p", 0.9]
    stops = ["--seed", 3, "--stop", ".", "--stop", "!"]
    outcome = pretrain("generate", "job-1", "Every effort", *options, *stops, "--json", "--url", service.url)
    assert service.sent("POST", "/generate").body == {
        "job_id": "job-1",
        "prompt": "Every effort",
        "checkpoint": "30",
        "max_new_tokens": 9,
        "temperature": 0.7,
        "top_k": 5,
        "top_p": 0.9,
        "seed": 3,
        "stop": [".", "!"],
    }
    assert json.loads(outcome.out) == GENERATION


def test_generate_says_what_is_not_whole(service: FakeService, pretrain: Command) -> None:
    service.respond("POST", "/generate", {**GENERATION, "finish_reason": "timeout", "prompt_truncated": True})
    outcome = pretrain("generate", "Every effort", "--url", service.url)
    assert (outcome.status, outcome.out) == (0, "Every effort moves you\n")
    assert outcome.err.splitlines() == [
        "The prompt is longer than the model's context: only its end was read.",
        "The text is not complete: the service's time for an answer was over.",
    ]


def test_a_prompt_without_quotes_is_a_usage_error(service: FakeService, pretrain: Command) -> None:
    outcome = pretrain("generate", "Every", "effort", "moves", "--url", service.url)
    assert outcome.status == 2
    assert "quote" in outcome.err
    assert service.requests == []
