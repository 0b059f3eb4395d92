"""Requests on their way: addresses, tokens, proxies."""

import pytest

from tests.client.conftest import Command
from tests.client.service import FakeService


def test_another_server_at_the_address_is_recognised(service: FakeService, pretrain: Command) -> None:
    service.respond_with_bytes("GET", "/jobs", b"<html>hello</html>", "text/html")
    outcome = pretrain("jobs", "--url", service.url)
    assert outcome.status == 1
    assert "is it the pretrain service?" in outcome.err


def test_an_absent_service_is_named_with_its_url_and_the_way_to_start_it(pretrain: Command) -> None:
    outcome = pretrain("jobs", "--url", "http://127.0.0.1:1")
    assert outcome.status == 1
    assert "http://127.0.0.1:1" in outcome.err
    assert "pretrain up" in outcome.err


def test_a_job_id_cannot_reach_another_path(service: FakeService, pretrain: Command) -> None:
    pretrain("show", "../datasets?x=1", "--url", service.url)
    [request] = service.requests
    assert request.path == "/jobs/..%2Fdatasets%3Fx%3D1"


def test_a_token_is_sent_when_there_is_one(
    service: FakeService, pretrain: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.respond_with_list("/jobs", [])
    pretrain("jobs", "--url", service.url)
    monkeypatch.setenv("PRETRAIN_TOKEN", "secret")
    pretrain("jobs", "--url", service.url)
    assert [request.headers.get("Authorization") for request in service.requests] == [None, "Bearer secret"]


def test_a_proxy_is_not_asked_for_a_loopback_address(
    service: FakeService, pretrain: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.respond_with_list("/jobs", [])
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert pretrain("jobs", "--url", service.url).status == 0
