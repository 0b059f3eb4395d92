"""Prompts over HTTP."""

import json
from collections.abc import Iterator

import pytest

from client import Pretrain
from client.errors import ApiError, ClientError
from tests.client.service import FakeService

RECORD = {"object": "generation", "text": "Every effort moves you", "finish_reason": "length"}


@pytest.fixture
def connected(service: FakeService) -> Iterator[Pretrain]:
    with Pretrain(service.url) as client:
        yield client


def respond_with_pieces(service: FakeService, *events: tuple[str, object]) -> None:
    body = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events)
    service.respond_with_bytes("POST", "/generate", body.encode(), "text/event-stream")


def test_what_is_not_said_is_left_to_the_service(service: FakeService, connected: Pretrain) -> None:
    service.respond("POST", "/generate", RECORD)
    generated = connected.generate("Every", job_id="job-1", checkpoint=9, temperature=0.7, top_k=None)
    assert generated["text"] == RECORD["text"]
    asked = service.sent("POST", "/generate").body
    assert asked == {"prompt": "Every", "job_id": "job-1", "checkpoint": "9", "temperature": 0.7}


def test_a_stream_is_its_pieces_and_then_the_record(service: FakeService, connected: Pretrain) -> None:
    pieces = [("piece", {"text": " effort"}), ("newer", {}), ("piece", {"text": " moves"})]
    respond_with_pieces(service, *pieces, ("generation", RECORD))
    with connected.stream("Every") as stream:
        assert stream.generation is None
        assert list(stream) == [" effort", " moves"]
    assert stream.generation == RECORD
    assert list(stream) == []
    assert service.sent("POST", "/generate").body == {"prompt": "Every", "stream": True}


def test_a_stream_that_is_closed_early_ends(service: FakeService, connected: Pretrain) -> None:
    respond_with_pieces(service, ("piece", {"text": " effort"}), ("generation", RECORD))
    with connected.stream("Every") as stream:
        assert next(stream) == " effort"
    with pytest.raises(ClientError, match="ends in the middle"):
        next(stream)


def test_a_stream_that_breaks_off_or_fails_says_so(service: FakeService, connected: Pretrain) -> None:
    respond_with_pieces(service, ("piece", {"text": " effort"}))
    respond_with_pieces(service, ("piece", {"text": 5}))
    respond_with_pieces(service, ("error", {"status": 503, "title": "Service Unavailable"}))
    with pytest.raises(ClientError, match="ends in the middle"):
        list(connected.stream("Every"))
    with pytest.raises(ClientError, match="no piece of a text"):
        list(connected.stream("Every"))
    with pytest.raises(ApiError, match="503 Service Unavailable"):
        list(connected.stream("Every"))


def test_a_text_is_scored(service: FakeService, connected: Pretrain) -> None:
    service.respond("POST", "/score", {"tokens": [{"token": "I", "nats": None}], "loss": 4.5})
    assert connected.score("I", model_id="model-1")["loss"] == 4.5
    assert service.sent("POST", "/score").body == {"text": "I", "model_id": "model-1"}
