from pathlib import Path

import pytest

from client.environment import find_service, url_file


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PRETRAIN_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("PRETRAIN_URL", raising=False)
    return tmp_path


def test_the_command_line_comes_before_the_environment(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRETRAIN_URL", "http://elsewhere:1")
    assert find_service("http://here:2/").url == "http://here:2"


def test_the_environment_comes_before_the_file(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url_file(data_dir).write_text("http://127.0.0.1:9\n")
    monkeypatch.setenv("PRETRAIN_URL", "http://elsewhere:1")
    assert find_service().url == "http://elsewhere:1"
    assert find_service().source == "PRETRAIN_URL"


def test_the_file_that_up_wrote_comes_before_the_default(data_dir: Path) -> None:
    url_file(data_dir).write_text("http://127.0.0.1:9\n")
    assert find_service().url == "http://127.0.0.1:9"
    assert find_service().source == str(data_dir / "url")


def test_without_any_of_them_it_is_the_default_port(data_dir: Path) -> None:
    assert find_service().url == "http://127.0.0.1:8000"
