"""generate, score"""

import json
import sys
from typing import Any

import pytest

from tests.client.conftest import Command, Stdin
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


def test_generate_and_score_ask_a_model_from_outside_by_its_id(
    service: FakeService, pretrain: Command
) -> None:
    service.respond("POST", "/generate", {"text": "a b"})
    service.respond("POST", "/score", {"tokens": []})
    pretrain("generate", "model-1", "a", "--url", service.url)
    pretrain("score", "model-1", "a", "--url", service.url)
    assert service.sent("POST", "/generate").body == {"model_id": "model-1", "prompt": "a"}
    assert service.sent("POST", "/score").body == {"model_id": "model-1", "text": "a"}


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


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output is one."""
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True, raising=False)


def events(*named: tuple[str, Any]) -> bytes:
    return b"".join(f"event: {name}\ndata: {json.dumps(data)}\n\n: \n\n".encode() for name, data in named)


def stream(service: FakeService, body: bytes, content_type: str = "text/event-stream; charset=utf-8") -> None:
    service.respond_with_bytes("POST", "/generate", body, content_type)


def test_on_a_terminal_the_pieces_are_printed_as_they_come(
    service: FakeService, pretrain: Command, terminal: None
) -> None:
    pieces = [("piece", {"text": " moves\x1b"}), ("piece", {"text": "[2J you"})]
    stream(service, events(*pieces, ("generation", {**GENERATION, "finish_reason": "timeout"})))
    outcome = pretrain("generate", "Every effort", "--url", service.url)
    sent = service.sent("POST", "/generate")
    assert sent.body == {"prompt": "Every effort", "stream": True}
    assert sent.headers["Accept"] == "text/event-stream"
    assert (outcome.status, outcome.out) == (0, "Every effort moves[2J you\n")
    assert "not complete" in outcome.err


def test_a_text_that_breaks_on_a_terminal_is_an_error_behind_what_came(
    service: FakeService, pretrain: Command, terminal: None
) -> None:
    problem = {"title": "Service Unavailable", "status": 503, "detail": "the worker has gone"}
    stream(service, events(("piece", {"text": " moves"}), ("error", problem)))
    outcome = pretrain("generate", "Every effort", "--url", service.url)
    assert (outcome.status, outcome.out) == (1, "Every effort moves\n")
    assert outcome.err == "pretrain: 503 Service Unavailable: the worker has gone\n"


def test_what_fails_before_the_first_piece_prints_no_prompt(
    service: FakeService, pretrain: Command, terminal: None
) -> None:
    service.respond("POST", "/generate", {"title": "Not Found", "status": 404, "detail": "none yet"}, 404)
    outcome = pretrain("generate", "Every effort", "--url", service.url)
    assert (outcome.status, outcome.out) == (1, "")
    assert "404 Not Found: none yet" in outcome.err


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (events(("piece", {"text": " moves"})), "text/event-stream", "ends in the middle"),
        (b"event: piece\ndata: {\n\n", "text/event-stream", "not JSON"),
        (events(("piece", [])), "text/event-stream", "no JSON object"),
        (events(("piece", {"text": 1})), "text/event-stream", "no piece of a text: text"),
        (events(("generation", GENERATION)), "text/html", "a stream of events"),
    ],
)
def test_a_stream_that_is_none_is_an_error(
    service: FakeService, pretrain: Command, terminal: None, body: bytes, content_type: str, reason: str
) -> None:
    stream(service, body, content_type)
    outcome = pretrain("generate", "Every effort", "--url", service.url)
    assert outcome.status == 1
    assert reason in outcome.err


def test_as_json_a_terminal_gets_the_record_too(
    service: FakeService, pretrain: Command, terminal: None
) -> None:
    service.respond("POST", "/generate", GENERATION)
    outcome = pretrain("generate", "Every effort", "--json", "--url", service.url)
    assert json.loads(outcome.out) == GENERATION
    assert service.sent("POST", "/generate").body == {"prompt": "Every effort"}


SCORE = {
    "object": "score",
    "job_id": "job-1",
    "checkpoint": 30,
    "tokens": [
        {"token": "Every", "bytes": [69, 118, 101, 114, 121], "nats": None, "rank": None},
        {"token": " eff\x1b[2J", "bytes": [32], "nats": 1.25, "rank": 1234},
    ],
    "loss": 1.25,
    "perplexity": 3.49034,
    "bits_per_byte": 0.5,
}


def test_score_shows_each_token_and_the_whole(service: FakeService, pretrain: Command) -> None:
    service.respond("POST", "/score", SCORE)
    outcome = pretrain("score", "job-1", "Every effort", "--checkpoint", "best", "--url", service.url)
    assert service.sent("POST", "/score").body == {
        "job_id": "job-1",
        "text": "Every effort",
        "checkpoint": "best",
    }
    assert [line.split() for line in outcome.out.splitlines()] == [
        ["TOKEN", "NATS", "RANK"],
        ["'Every'", "-", "-"],
        ["'", "eff\\x1b[2J'", "1.250", "1,234"],
        ["loss", "1.250"],
        ["perplexity", "3.490"],
        ["bits", "per", "byte", "0.500"],
    ]


def test_score_reads_standard_input_whole_and_prints_the_record_as_json(
    service: FakeService, pretrain: Command, stdin: Stdin
) -> None:
    service.respond("POST", "/score", SCORE)
    stdin(" Zwölf\n".encode())
    outcome = pretrain("score", "-", "--json", "--url", service.url)
    assert service.sent("POST", "/score").body == {"text": " Zwölf\n"}
    assert json.loads(outcome.out) == SCORE


@pytest.mark.parametrize(
    ("words", "content", "reason"),
    [
        (["Every", "effort", "moves"], b"", "quote"),
        (["-"], "é".encode("cp1252"), "UTF-8"),
        (["-"], b"x" * (2**20 + 1), "1,048,576 bytes"),
    ],
)
def test_a_text_that_can_be_none_is_a_usage_error(
    service: FakeService, pretrain: Command, stdin: Stdin, words: list[str], content: bytes, reason: str
) -> None:
    stdin(content)
    outcome = pretrain("score", *words, "--url", service.url)
    assert outcome.status == 2
    assert reason in outcome.err
    assert service.requests == []
