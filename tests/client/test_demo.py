"""`pretrain demo`, with stand-ins for what is Python."""

import json
import signal

import pytest

from tests.client.conftest import Start

pytestmark = pytest.mark.slow


def test_the_demo_falls_back_shows_the_job_and_leaves_nothing(start: Start) -> None:
    running = start("demo", "--exit", "--port", "0")
    assert running.ended() == 0, running.err
    assert "the-verdict cannot be fetched" in running.err
    assert "training on `sample` instead" in running.err
    for text in (
        "epoch 1  step 1/30  train loss 9.781  validation loss 9.933",
        "●",
        "best validation  8.432 after step 11",
        "time             2:10",
        "Every effort moves you to tears.",
        "Every effort moves you forward.",
        'curl -d \'{"dataset": "sample"}\'',
    ):
        assert text in running.out
    assert (running.data_dir / "demo" / "losses.png").read_bytes() == b"png"
    assert (running.data_dir / "demo" / "losses.svg").read_bytes() == b"<svg/>"
    assert running.processes() == {}


def test_the_demo_stays_up_until_it_is_stopped(start: Start) -> None:
    running = start("demo", "--port", "0")
    running.wait_for("until Ctrl-C")
    running.send(signal.SIGINT)
    assert running.ended() == 0
    assert running.processes() == {}


def test_the_demo_does_not_replace_a_text_that_was_asked_for(start: Start) -> None:
    running = start("demo", "--exit", "--port", "0", "--set", "dataset=my-text")
    assert running.ended() == 1
    assert "dataset: the-verdict cannot be fetched" in running.err


def test_the_demos_exit_status_is_the_jobs(start: Start) -> None:
    running = start("demo", "--exit", "--port", "0", FAKE_JOB="failed")
    assert running.ended() == 1
    assert "job job-1 failed" in running.err
    assert running.processes() == {}


def test_the_demo_can_be_read_by_machines(start: Start) -> None:
    running = start("demo", "--exit", "--json", "--port", "0")
    assert running.ended() == 0, running.err
    told = json.loads(running.out)
    assert told["job"]["status"] == "succeeded"
    assert told["generation"]["text"] == "Every effort moves you forward."
    assert "epoch 1  step 1/30" in running.err
