"""tokenizers train, list, show, rm, download"""

import json
from pathlib import Path
from typing import Any

import pytest

from client.api.preparation import wait_until_prepared
from client.commands.options import connect
from client.errors import ApiError
from client.http.transport import PATIENCE_S
from tests.client.conftest import Command
from tests.client.service import FakeService

PREPARING: dict[str, Any] = {
    "id": "tokenizer-1",
    "object": "tokenizer",
    "name": "mine",
    "status": "preparing",
    "error": None,
    "fraction": 0.42,
    "dataset": "sample",
    "asked_vocab_size": 1000,
    "vocab_size": None,
    "sha256": None,
    "bytes_per_token": None,
    "gpt2_bytes_per_token": None,
    "measured_bytes": None,
    "created_at": "2026-11-28T07:00:00Z",
}
READY = {
    **PREPARING,
    "status": "ready",
    "fraction": 1.0,
    "vocab_size": 998,
    "sha256": "ab" * 32,
    "bytes_per_token": 3.25,
    "gpt2_bytes_per_token": 4.125,
    "measured_bytes": 20_000,
}
FAILED = {**PREPARING, "status": "failed", "error": "the stored text\x1b[2J is gone"}
TRAIN = ("tokenizers", "train", "mine", "--dataset", "sample", "--vocab-size", "1000")


def test_train_asks_for_it_and_prints_its_id(service: FakeService, pretrain: Command) -> None:
    service.respond("POST", "/tokenizers", PREPARING, 202)
    outcome = pretrain(*TRAIN, "--url", service.url)
    assert (outcome.status, outcome.out, outcome.err) == (0, "tokenizer-1\n", "")
    assert service.sent("POST", "/tokenizers").body == {
        "name": "mine",
        "dataset": "sample",
        "vocab_size": 1000,
    }


def test_train_can_wait_until_it_is_ready(service: FakeService, pretrain: Command) -> None:
    service.respond("POST", "/tokenizers", PREPARING, 202)
    for record in (PREPARING, READY):
        service.respond("GET", "/tokenizers/tokenizer-1", record)
    outcome = pretrain(*TRAIN, "--wait", "--url", service.url)
    assert (outcome.status, outcome.out) == (0, "tokenizer-1\n")
    assert outcome.err == (
        "Trained: 998 tokens of 1,000 that were asked for: its text has no more; "
        "bytes per token 3.250, those of gpt2 4.125.\n"
    )


def test_train_that_waits_says_why_it_failed(service: FakeService, pretrain: Command) -> None:
    service.respond("POST", "/tokenizers", PREPARING, 202)
    service.respond("GET", "/tokenizers/tokenizer-1", FAILED)
    outcome = pretrain(*TRAIN, "--wait", "--json", "--url", service.url)
    assert (outcome.status, json.loads(outcome.out)["status"]) == (1, "failed")
    assert outcome.err == "pretrain: tokenizer-1 failed: the stored text is gone\n"


@pytest.mark.parametrize("size", ["many", "1.5", ""])
def test_train_refuses_what_is_no_number(service: FakeService, pretrain: Command, size: str) -> None:
    outcome = pretrain(*TRAIN[:-1], size, "--url", service.url)
    assert outcome.status == 2
    assert "it must be a whole number" in outcome.err
    assert service.requests == []


def test_train_shows_what_the_service_refuses(service: FakeService, pretrain: Command) -> None:
    errors = [{"field": "vocab_size", "message": "must be at least 257", "value": 1000}]
    service.respond("POST", "/tokenizers", {"title": "Unprocessable Content", "errors": errors}, 422)
    outcome = pretrain(*TRAIN, "--url", service.url)
    assert outcome.status == 1
    assert "vocab_size" in outcome.err
    assert "must be at least 257" in outcome.err


def test_waiting_outlasts_a_service_that_is_away_for_a_while_but_not_for_long(service: FakeService) -> None:
    path = "/tokenizers/tokenizer-1"
    service.respond("GET", path, {"title": "Service Unavailable", "detail": "away"}, 503)
    service.respond("GET", path, READY)
    now = iter(range(0, 10_000, 10))

    def clock() -> float:
        return float(next(now))

    with connect(service.url) as client:

        def ask() -> dict[str, Any]:
            return client.tokenizers.get("tokenizer-1")

        assert (
            wait_until_prepared(PREPARING, ask, patience_s=PATIENCE_S, sleep=lambda _: None, clock=clock)[
                "status"
            ]
            == "ready"
        )
        service.responses.clear()
        service.respond("GET", path, {"title": "Service Unavailable", "detail": "away"}, 503)
        with pytest.raises(ApiError, match="503"):
            wait_until_prepared(PREPARING, ask, patience_s=PATIENCE_S, sleep=lambda _: None, clock=clock)
        assert len(service.requests) <= 3 + PATIENCE_S / 10 + 2
        service.responses.clear()
        with pytest.raises(ApiError, match="404"):  # deleted: no outage
            wait_until_prepared(PREPARING, ask, patience_s=PATIENCE_S, sleep=lambda _: None, clock=clock)


def test_list_shows_size_and_compression(service: FakeService, pretrain: Command) -> None:
    service.respond_with_list("/tokenizers", [READY, {**PREPARING, "id": "tokenizer-2"}])
    outcome = pretrain("tokenizers", "list", "--url", service.url)
    lines = outcome.out.splitlines()
    assert lines[0].split() == ["ID", "NAME", "STATUS", "TOKENS", "BYTES/TOKEN", "DATA", "SET"]
    assert lines[1].split() == ["tokenizer-1", "mine", "ready", "998", "3.250", "sample"]
    assert lines[2].split() == ["tokenizer-2", "mine", "preparing", "-", "-", "sample"]


def test_show_says_what_is_known(service: FakeService, pretrain: Command) -> None:
    for record, words in (
        (
            READY,
            ["998 tokens of 1,000 that were asked for", "3.250, those of gpt2 4.125", "first 20,000 bytes"],
        ),
        (PREPARING, ["preparing", "42%", "1,000 tokens at most"]),
        (FAILED, ["failed", "the stored text is gone"]),
    ):
        service.responses.clear()
        service.respond("GET", "/tokenizers/tokenizer-1", record)
        outcome = pretrain("tokenizers", "show", "tokenizer-1", "--url", service.url)
        assert outcome.status == 0
        for word in words:
            assert word in outcome.out
    as_json = pretrain("tokenizers", "show", "tokenizer-1", "--json", "--url", service.url)
    assert json.loads(as_json.out) == FAILED


def test_show_does_with_what_an_older_service_sends(service: FakeService, pretrain: Command) -> None:
    service.respond("GET", "/tokenizers/tokenizer-1", {"id": "tokenizer-1", "name": "mine"})
    outcome = pretrain("tokenizers", "show", "tokenizer-1", "--url", service.url)
    assert outcome.out.split() == ["id", "tokenizer-1", "name", "mine"]


def test_rm_deletes_and_says_why_not(service: FakeService, pretrain: Command) -> None:
    service.respond("DELETE", "/tokenizers/tokenizer-1", {}, 200)
    outcome = pretrain("tokenizers", "rm", "tokenizer-1", "--url", service.url)
    assert (outcome.status, outcome.err) == (0, "Deleted tokenizer-1.\n")
    service.responses.clear()
    service.respond(
        "DELETE", "/tokenizers/tokenizer-1", {"title": "Conflict", "detail": "job-1 needs it"}, 409
    )
    refused = pretrain("tokenizers", "rm", "tokenizer-1", "--url", service.url)
    assert (refused.status, refused.err) == (1, "pretrain: 409 Conflict: job-1 needs it\n")


def test_download_writes_the_file_whole_or_not_at_all(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    path, file = "/tokenizers/tokenizer-1/download", tmp_path / "tokenizer.json"
    service.respond_with_bytes("GET", path, b'{"version": "1.0"}', "application/json")
    outcome = pretrain("tokenizers", "download", "tokenizer-1", "--to", file, "--url", service.url)
    assert (outcome.status, outcome.err) == (0, f"Wrote {file}.\n")
    assert file.read_bytes() == b'{"version": "1.0"}'
    service.responses.clear()
    service.respond("GET", path, {"title": "Conflict", "detail": "is still being trained"}, 409)
    refused = pretrain("tokenizers", "download", "tokenizer-1", "--to", file, "--url", service.url)
    assert refused.status == 1
    assert file.read_bytes() == b'{"version": "1.0"}'
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("words", [("show",), ("rm",), ("download", "--to", "x")])
def test_what_is_no_id_is_refused_before_anything_is_sent(
    service: FakeService, pretrain: Command, words: tuple[str, ...]
) -> None:
    outcome = pretrain("tokenizers", words[0], "..", *words[1:], "--url", service.url)
    assert outcome.status == 2
    assert outcome.err.startswith("pretrain: '..' is no id of a tokenizer\n")
    assert service.requests == []
