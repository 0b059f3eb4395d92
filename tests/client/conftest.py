import errno
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from client.main import run
from tests.client.running import Running, processes_of, stand_in_environment
from tests.client.service import FakeService, RunningService
from tests.waiting import wait_until


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
    """Runs `pretrain` with these arguments, in this process, on an empty data folder."""
    monkeypatch.setenv("PRETRAIN_DATA_DIR", str(tmp_path / "data"))
    for name in ("PRETRAIN_URL", "PRETRAIN_TOKEN", "PRETRAIN_PORT", "PRETRAIN_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)

    def invoke(*arguments: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_info:
            run([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Outcome(int(exit_info.value.code or 0), printed.out, printed.err)

    return invoke


@pytest.fixture
def no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads those of authorities fails."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EACCES, "certificates were read")

    monkeypatch.setattr("ssl.SSLContext.load_verify_locations", fail)


Stdin = Callable[[bytes], None]


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Stdin:
    """Sets what a command reads from standard input."""

    def provide(content: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))

    return provide


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `pretrain` with stand-ins; what a failed test leaves running is killed."""
    started = []

    def begin(*arguments: str, **variables: str) -> Running:
        started.append(Running(list(arguments), stand_in_environment(tmp_path / "data", **variables)))
        return started[-1]

    yield begin
    for running in started:
        running.process.kill()
        running.process.wait()
    wait_until(lambda: not processes_of(tmp_path / "data"), "all processes were gone")


@pytest.fixture
def up(start: Start) -> Running:
    """A running `pretrain up`."""
    running = start("up", "--port", "0")
    running.wait_for("pretrain is ready.")
    return running
