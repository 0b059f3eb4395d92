"""The local stack with a real Valkey, and stand-ins for what is Python."""

import json
import os
import signal
import stat
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import redis

from client.errors import ClientError
from client.local import probe
from client.local.process import MANY_CRASHES
from client.local.readiness import find_missing
from client.local.stack import Stack
from client.local.start import local_stack
from jobs.settings import Settings
from tests.client.conftest import Start
from tests.client.running import Running, processes_of, stand_in_environment
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.slow

CHILDREN = {"api", "train", "generate", "prepare", "keeper"}


OpenStack = Callable[..., AbstractContextManager[Stack]]


def test_up_says_where_everything_is(up: Running) -> None:
    for text in (f"API   {up.url}", f"{up.url}/docs", str(up.data_dir), str(up.data_dir / "logs"), "Ctrl-C"):
        assert text in up.out
    assert find_missing(up.url) is None


def test_up_says_it_to_machines_too(start: Start) -> None:
    running = start("up", "--json", "--port", "0")
    running.wait_for('"log_dir"')
    told = json.loads(running.out)
    assert told["url"] == running.url
    assert Path(told["data_dir"]) == running.data_dir


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_everything_in_order(up: Running, number: signal.Signals) -> None:
    assert {up.pid(name) for name in CHILDREN} < set(up.processes())
    up.send(number)
    assert up.ended() == 0
    assert up.processes() == {}
    stopped = (up.data_dir / "stopped").read_text().split()
    assert set(stopped[:3]) == {"train", "generate", "prepare"}
    assert stopped[3:] == ["api", "keeper"]
    assert not (up.data_dir / "url").exists()


def test_everything_dies_with_a_killed_up(up: Running) -> None:
    up.send(signal.SIGKILL)
    up.ended()
    wait_until(lambda: not up.processes(), "the children were gone")


def test_a_child_that_dies_is_started_again(up: Running) -> None:
    before = up.pid("train")
    os.kill(before, signal.SIGKILL)
    up.wait_for("train was killed by signal 9 (Killed); it starts again in 1 s")
    wait_until(lambda: up.pid("train") != before, "there was another")
    assert up.pid("train") in up.processes()


def test_the_broker_comes_back_at_the_same_address(up: Running) -> None:
    [broker] = [pid for pid, command in up.processes().items() if "valkey.conf" in command]
    os.kill(broker, signal.SIGKILL)
    up.wait_for("valkey was killed by signal 9")

    def answers() -> bool:
        try:
            return bool(connect_to_broker(up).ping())
        except redis.ConnectionError:
            return False

    wait_until(answers, "it answered again")


def connect_to_broker(up: Running) -> redis.Redis:
    environment = Path(f"/proc/{up.pid('train')}/environ").read_text().split("\0")
    [url] = [entry.split("=", 1)[1] for entry in environment if entry.startswith("PRETRAIN_REDIS_URL=")]
    return redis.Redis.from_url(url)


def test_the_broker_needs_its_password_and_never_forgets(up: Running) -> None:
    broker = connect_to_broker(up)
    assert broker.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert broker.config_get("save") == {"save": ""}
    port = broker.connection_pool.connection_kwargs["port"]
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=port).ping()


def test_the_password_stands_on_no_command_line_and_files_are_the_owners_alone(up: Running) -> None:
    password = connect_to_broker(up).connection_pool.connection_kwargs["password"]
    assert len(password) >= 32
    assert not [command for command in up.processes().values() if password in command]
    modes = {
        path: stat.S_IMODE((up.data_dir / path).stat().st_mode)
        for path in ("", "valkey.conf", "logs", "logs/api.log")
    }
    assert modes == {"": 0o700, "valkey.conf": 0o600, "logs": 0o700, "logs/api.log": 0o600}


def test_a_broker_of_ones_own_is_used_as_it_is(start: Start) -> None:
    running = start("up", "--port", "0", PRETRAIN_REDIS_URL="redis://elsewhere:1/0")
    running.wait_for("pretrain is ready.")
    assert not (running.data_dir / "valkey.conf").exists()
    environment = Path(f"/proc/{running.pid('train')}/environ").read_text().split("\0")
    assert "PRETRAIN_REDIS_URL=redis://elsewhere:1/0" in environment


def test_a_failed_migration_stops_everything_with_its_message(start: Start) -> None:
    running = start("up", "--port", "0", FAKE_CRASH="migrations")
    assert running.ended() == 1
    assert "migrations cannot work today" in running.err
    assert running.processes() == {}


def test_a_start_that_waits_for_the_database_says_so(
    stack_here: OpenStack, reports: list[str], tmp_path: Path
) -> None:
    message = "Waiting for the database: nobody is there"

    def let_go_once_reported() -> None:
        wait_until(lambda: message in reports, "it was reported")
        (tmp_path / "go").touch()

    watcher = threading.Thread(target=let_go_once_reported)
    watcher.start()
    with stack_here({"api"}, FAKE_WAITS="1"):
        watcher.join()
    assert message in reports


def test_a_migration_that_fails_without_a_word_is_told_with_the_room_on_its_disk(
    stack_here: OpenStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.local.process.Process.tail", lambda process: "")
    with (
        pytest.raises(ClientError, match=r"migrations\.log is empty, and its disk has [\d,]+ bytes free$"),
        stack_here({"api"}, FAKE_CRASH="migrations"),
    ):
        pytest.fail("it cannot be ready without its database")


def test_a_second_signal_stops_at_once(start: Start) -> None:
    running = start("up", "--port", "0", FAKE_STUBBORN="train")
    running.wait_for("pretrain is ready.")
    running.pid("train")  # one that has just begun would not be stubborn yet
    running.send(signal.SIGINT)
    wait_until((running.data_dir / "stopped").exists, "the worker was asked to stop")
    running.send(signal.SIGINT)
    assert running.ended() == 0
    assert "Stopping at once." in running.err
    assert running.processes() == {}


@pytest.fixture
def reports() -> list[str]:
    return []


@pytest.fixture
def stack_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reports: list[str]) -> OpenStack:
    """Opens a stack in the test's own process, which restarts at once what dies. Whoever is stubborn is given
    no time to stop, all others as long as any machine takes."""
    monkeypatch.setattr("client.local.process.MIN_BACKOFF_S", 0)
    monkeypatch.setattr("client.local.services.RECORD_GRACE_S", 0)

    def open_stack(essential: set[str], **variables: str) -> AbstractContextManager[Stack]:
        for name, value in stand_in_environment(tmp_path, **variables).items():
            monkeypatch.setenv(name, value)
        stop_grace_s = 0.1 if "FAKE_STUBBORN" in variables else PATIENCE_S
        settings = Settings(data_dir=tmp_path, port=0, stop_grace_s=stop_grace_s)
        return local_stack(settings, is_port_fixed=True, report=reports.append, essential=essential)

    return open_stack


def test_an_essential_process_that_keeps_crashing_ends_it_all(stack_here: OpenStack, tmp_path: Path) -> None:
    with (
        pytest.raises(
            ClientError,
            match=r"(?s)api ended with exit status 1, 5 times.*tried again.*api cannot work today",
        ),
        stack_here({"api"}, FAKE_CRASH="api"),
    ):
        pytest.fail("it cannot be ready without its API")
    assert processes_of(tmp_path) == {}


def test_without_a_worker_that_cannot_start_the_stack_still_comes_up(
    stack_here: OpenStack, reports: list[str]
) -> None:
    with stack_here({"api"}, FAKE_CRASH="train") as stack:
        assert (stack.data_dir / "url").read_text().strip() == stack.url
        supervise_until_reported(stack, reports, "train ended with exit status 1, 5 times in a row")
    crashes = [line for line in reports if line.startswith("train ended")]
    assert len(crashes) == MANY_CRASHES
    assert [line.split(" in ")[0] for line in crashes[:-1]] == [
        "train ended with exit status 1; it starts again"
    ] * (MANY_CRASHES - 1)


def test_a_process_that_ends_is_told_at_once_with_its_last_lines(start: Start) -> None:
    running = start("up", "--port", "0", FAKE_CRASH="train")
    running.wait_for("train ended with exit status 1; it starts again in 1 s. The end of")
    running.wait_for("train.log:\ntrain cannot work today\n")


def test_a_worker_that_is_not_ready_is_told_and_keeps_nobody_from_using_the_service(start: Start) -> None:
    running = start("up", "--port", "0", FAKE_LATE="1")
    running.wait_for("Waiting for workers: no training worker works")
    assert f"pretrain is up.\n  Page  {running.url} (open it in a browser)\n" in running.out
    assert "job-1" in running.call("show", "job-1")
    assert "pretrain is ready." not in running.err
    (running.data_dir / "go").touch()
    running.wait_for("pretrain is ready.")
    waits = [line for line in running.err.splitlines() if line.startswith("Waiting for ")]
    assert [line.split(":")[0] for line in waits] == [
        "Waiting for the broker",
        "Waiting for the database",
        "Waiting for the API",
        "Waiting for workers",
    ]


def supervise_until_reported(stack: Stack, reports: list[str], message: str) -> None:
    def was_reported() -> bool:
        stack.supervise(0)
        return any(message in line for line in reports)

    wait_until(was_reported, f"{message!r} was reported")


def test_what_keeps_crashing_is_tried_again_and_again_and_says_when_it_is_back(
    stack_here: OpenStack, reports: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "crash").write_text("keeper")
    with stack_here({"api"}) as stack:
        supervise_until_reported(stack, reports, "keeper ended with exit status 1, 5 times in a row")
        (tmp_path / "crash").unlink()
        monkeypatch.setattr("client.local.process.RECOVERED_S", 0.2)
        supervise_until_reported(stack, reports, "keeper runs again")


def test_once_the_service_is_ready_nothing_that_keeps_crashing_ends_it(
    stack_here: OpenStack, reports: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stack_here({"api"}) as stack:
        (tmp_path / "crash").write_text("api")
        os.kill(int((tmp_path / "pids" / "api").read_text()), signal.SIGKILL)

        def supervise(seconds: float) -> None:
            Stack.supervise(stack, 0)
            if any("api ended with exit status 1, 5 times in a row" in line for line in reports):
                raise KeyboardInterrupt

        monkeypatch.setattr(stack, "supervise", supervise)
        stack.supervise_until_interrupted(lambda: None)
    assert reports[-1] == "Stopping."


def test_ctrl_c_during_the_announcement_stops_it_in_good_order(
    stack_here: OpenStack, reports: list[str]
) -> None:
    with stack_here({"api"}) as stack:
        stack.supervise_until_interrupted(lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert reports[-1] == "Stopping."


@pytest.mark.parametrize("name", ["train", "generate", "prepare", "keeper"])
def test_a_child_that_is_stopped_is_killed_and_started_again(start: Start, name: str) -> None:
    up = start("up", "--port", "0")
    up.wait_for("pretrain is ready.")
    before = up.pid(name)
    (up.data_dir / "stop").write_text(str(before))
    up.wait_for(f"{name} hung and was killed (no sign of life for")
    wait_until(lambda: up.pid(name) != before, "there was another")
    assert before not in up.processes()


def test_a_child_that_lives_but_gives_no_signs_of_life_is_started_again(start: Start) -> None:
    running = start("up", "--port", "0", FAKE_DEAF="generate")
    running.wait_for("generate hung and was killed (no sign of life for")


@pytest.mark.parametrize("name", ["api", "valkey"])
def test_an_api_or_a_broker_that_no_longer_answers_is_killed_and_started_again(
    stack_here: OpenStack, reports: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(probe, "INTERVAL_S", 0.05)
    monkeypatch.setattr(probe, "TIMEOUT_S", 0.2)
    monkeypatch.setattr(probe, "HUNG_S", 0.5)
    with stack_here({"api"}) as stack:
        process = next(process for process in stack._processes if process.name == name)
        before = process.pid
        wait_until(lambda: process._watch._has_responded, "it had answered")
        os.kill(before, signal.SIGSTOP)
        supervise_until_reported(stack, reports, f"{name} hung and was killed (it has not answered for")
        wait_until(lambda: stack.supervise(0) or process.pid != before, "there was another")
        wait_until(lambda: process._watch._has_responded, "it answered again")


def test_a_process_that_does_not_stop_is_killed(
    stack_here: OpenStack, reports: list[str], tmp_path: Path
) -> None:
    with stack_here({"api"}, FAKE_STUBBORN="train") as stack:
        wait_until((stack.data_dir / "pids" / "train").exists, "the worker ran")
    assert reports[-1] == "train did not stop within 0 s and was killed."
    assert processes_of(tmp_path) == {}
