"""The data folder of a local stack."""

import signal
import stat
from pathlib import Path

import pytest

from client.local.readiness import find_missing
from tests.client.conftest import Command, Start
from tests.client.running import Running, stand_in_environment

pytestmark = pytest.mark.slow


def test_the_data_folder_can_be_used_again_after_a_kill(up: Running, start: Start) -> None:
    up.send(signal.SIGKILL)
    up.ended()
    assert (up.data_dir / "url").exists()
    again = start("up", "--port", "0", FAKE_CRASH="migrations")
    assert again.ended() == 1
    assert not (up.data_dir / "url").exists(), "what the killed one had left was still there"
    start("up", "--port", "0").wait_for("pretrain is ready.")


def test_a_second_up_on_the_folder_names_the_running_one(up: Running, start: Start) -> None:
    second = start("up", "--port", "0")
    assert second.ended() == 1
    assert f"already runs on {up.data_dir}, at {up.url}" in second.err
    assert find_missing(up.url) is None


def test_a_folder_that_was_there_keeps_its_mode(start: Start, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o755)
    running = start("up", "--port", "0")
    running.wait_for("pretrain is ready.")
    assert stat.S_IMODE(running.data_dir.stat().st_mode) == 0o755


@pytest.mark.parametrize("name", ['"quoted\n\\', "é 語", "a # b"])
def test_the_data_folder_may_have_any_name(name: str, tmp_path: Path, start: Start) -> None:
    environment = stand_in_environment(tmp_path / name)
    running = Running(["up", "--port", "0"], environment)
    try:
        running.wait_for("pretrain is ready.")
        running.send(signal.SIGTERM)
        assert running.ended() == 0
    finally:
        running.process.kill()


def test_a_data_folder_whose_name_breaks_lines_is_named_on_one(
    pretrain: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a\nb").touch()
    monkeypatch.setenv("PRETRAIN_DATA_DIR", str(tmp_path / "a\nb"))
    outcome = pretrain("up")
    assert outcome.err == f"pretrain: cannot use {tmp_path}/a b as data folder: File exists\n"
