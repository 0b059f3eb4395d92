"""What keeps a local stack from starting, and where it listens."""

import signal
import socket
from pathlib import Path

import pytest

from client.local.interrupts import stop_signals
from tests.client.conftest import Start
from tests.client.running import environment_on, finished

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("folder", ["/proc/x", "/proc/self"])
def test_artifacts_that_cannot_be_written_are_refused_before_anything_starts(
    folder: str, start: Start, tmp_path: Path
) -> None:
    running = start("up", "--port", "0", PRETRAIN_ARTIFACTS_URL=folder)
    assert running.ended() == 1
    refusal = f"data sets and checkpoints cannot be written in {folder} (from PRETRAIN_ARTIFACTS_URL): "
    assert running.err.startswith(f"pretrain: {refusal}")
    assert running.err.count("\n") == 1


def test_a_busy_port_that_was_asked_for_is_an_error(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        running = start("up", "--port", str(port))
        assert running.ended() == 1
    assert f"port {port}: in use" in running.err


def test_a_host_beyond_loopback_is_refused(start: Start) -> None:
    running = start("up", "--host", "0.0.0.0")
    assert running.ended() == 1
    assert "`pretrain token create --scope admin --name NAME`" in running.err


def test_a_host_beyond_loopback_is_served_once_there_is_a_token(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    made = finished(["token", "create", "--name", "ana"], environment_on(folder), capture_output=True)
    assert made.stdout.startswith(b"pt_")
    running = start("up", "--host", "0.0.0.0", "--port", "0")
    running.wait_for("pretrain is ready.")
    assert running.url.startswith("http://127.0.0.1:")


def test_a_service_at_an_address_of_its_own_is_looked_for_there(start: Start) -> None:
    running = start("up", "--host", "127.0.0.2", "--port", "0")
    running.wait_for("pretrain is ready.")
    assert running.url.startswith("http://127.0.0.2:")


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_signals():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
