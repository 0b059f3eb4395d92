from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from client.main import run
from tests.client.service import FakeService, RunningService


@pytest.fixture
def running_service() -> Iterator[RunningService]:
    running = RunningService()
    yield running
    running.stop()


@pytest.fixture
def service(running_service: RunningService) -> FakeService:
    return running_service.fake


class Outcome:
    """How a command ended: its exit status and what it printed."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status = status
        self.out = out
        self.err = err


Command = Callable[..., Outcome]


@pytest.fixture
def pretrain(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Runs `pretrain` with the given words, in this process, on an empty data folder."""
    monkeypatch.setenv("PRETRAIN_DATA_DIR", str(tmp_path / "data"))
    for name in ("PRETRAIN_URL", "PRETRAIN_TOKEN", "PRETRAIN_PORT", "PRETRAIN_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)

    def invoke(*words: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_info:
            run([str(word) for word in words])
        printed = capsys.readouterr()
        return Outcome(int(exit_info.value.code or 0), printed.out, printed.err)

    return invoke
