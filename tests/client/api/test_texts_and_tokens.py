"""Data sets, tokenizers, models from outside, access tokens, webhooks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from client import Pretrain
from client.errors import TimedOut, UsageError
from tests.client.service import FakeService

DATASET = {"id": "dataset-1", "name": "story", "status": "ready", "notices": ["the same text is stored"]}
PREPARING = {"id": "tokenizer-1", "name": "mine", "status": "preparing"}


@pytest.fixture
def connected(service: FakeService) -> Iterator[Pretrain]:
    with Pretrain(service.url) as client:
        yield client


def test_files_become_a_data_set_named_after_them(
    service: FakeService, connected: Pretrain, tmp_path: Path
) -> None:
    service.respond("POST", "/datasets", DATASET, 201)
    (tmp_path / "story.txt").write_text("Once upon a time.")
    totals: list[int | None] = []
    read_bytes: list[int] = []
    added = connected.datasets.add(tmp_path / "story.txt", on_begin=totals.append, on_read=read_bytes.append)
    assert added["notices"] == DATASET["notices"]
    sent = service.sent("POST", "/datasets")
    assert (sent.query, sent.body) == ({"name": "story"}, b"Once upon a time.")
    assert (totals, sum(read_bytes)) == ([17], 17)


def test_a_models_files_are_counted_before_they_are_sent(
    service: FakeService, connected: Pretrain, tmp_path: Path
) -> None:
    service.respond("POST", "/models", {"id": "model-1", "name": "mine", "status": "preparing"}, 202)
    (tmp_path / "config.json").write_bytes(b"{}")
    (tmp_path / "model.safetensors").write_bytes(b"\x02" + bytes(7) + b"{}")
    totals: list[int] = []
    read_bytes: list[int] = []
    connected.models.add(tmp_path, name="mine", on_begin=totals.append, on_read=read_bytes.append)
    assert (totals, sum(read_bytes)) == ([12], 12)


def test_what_can_be_no_text_is_refused_before_it_is_sent(
    service: FakeService, connected: Pretrain, tmp_path: Path
) -> None:
    (tmp_path / "picture.txt").write_bytes(b"\xff\xd8\xff\xe0")
    for files in ([], [tmp_path / "absent.txt"], [tmp_path / "picture.txt"]):
        with pytest.raises(UsageError):
            connected.datasets.add(*files)
    assert service.requests == []


def test_waiting_for_what_is_prepared_has_a_limit(service: FakeService, connected: Pretrain) -> None:
    service.respond("GET", "/tokenizers/tokenizer-1", PREPARING)
    with pytest.raises(TimedOut, match="tokenizer-1 is still being prepared"):
        connected.tokenizers.wait("tokenizer-1", timeout_s=0)
    service.respond("GET", "/tokenizers/tokenizer-1", {**PREPARING, "status": "ready"})
    assert connected.tokenizers.wait("tokenizer-1")["status"] == "ready"


def test_a_token_is_made_with_its_scopes(service: FakeService, connected: Pretrain) -> None:
    service.respond("POST", "/tokens", {"id": "token-1", "name": "ci", "token": "pt_secret"}, 201)
    assert connected.tokens.create("ci", scopes=("read",), expires_in_s=3600)["token"] == "pt_secret"
    sent = service.sent("POST", "/tokens").body
    assert sent == {"name": "ci", "scopes": ["read"], "expires_in_s": 3600}


def test_deliveries_end_where_no_more_are_wanted(service: FakeService, connected: Pretrain) -> None:
    service.respond_with_list("/webhooks/webhook-1/deliveries", [{"id": "d-2"}, {"id": "d-1"}], has_more=True)
    assert len(list(connected.webhooks.deliveries("webhook-1", limit=2))) == 2
    assert len(service.requests) == 1
