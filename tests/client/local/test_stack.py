"""The local stack with a real Valkey, and stand-ins for what is Python."""

import os
import signal
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import redis

from client.environment import Address
from client.errors import ClientError
from client.http import Client
from client.local import probe
from client.local.ports import choose_port, free_port
from client.local.process import MANY_DEATHS
from client.local.stack import Stack, local_stack, stop_signals
from jobs.settings import Settings
from tests.client.running import Running, finished, processes_of, stand_in_environment, wait_until

CHILDREN = {"api", "train", "generate", "keeper"}

Start = Callable[..., Running]
OpenStack = Callable[..., AbstractContextManager[Stack]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `pretrain` with stand-ins; what a failed test leaves running is killed."""
    started = []

    def begin(*words: str, **variables: str) -> Running:
        started.append(Running(list(words), stand_in_environment(tmp_path / "data", **variables)))
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


def test_up_says_where_everything_is(up: Running) -> None:
    for text in (f"API   {up.url}", f"{up.url}/docs", str(up.data_dir), str(up.data_dir / "logs"), "Ctrl-C"):
        assert text in up.out
    with Client(Address(up.url, "test")) as client:
        client.check_ready()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_everything_in_order(up: Running, number: signal.Signals) -> None:
    assert {up.pid(name) for name in CHILDREN} < set(up.processes())
    up.send(number)
    assert up.ended() == 0
    assert up.processes() == {}
    stopped = (up.data_dir / "stopped").read_text().split()
    assert set(stopped[:2]) == {"train", "generate"}
    assert stopped[2:] == ["api", "keeper"]
    assert not (up.data_dir / "url").exists()


def test_everything_dies_with_a_killed_up(up: Running) -> None:
    up.send(signal.SIGKILL)
    up.ended()
    wait_until(lambda: not up.processes(), "the children were gone")


def test_the_data_folder_can_be_used_again_after_a_kill(up: Running, start: Start) -> None:
    up.send(signal.SIGKILL)
    up.ended()
    start("up", "--port", "0").wait_for("pretrain is ready.")


def test_a_second_up_on_the_folder_names_the_running_one(up: Running, start: Start) -> None:
    second = start("up", "--port", "0")
    assert second.ended() == 1
    assert f"already runs on {up.data_dir}, at {up.url}" in second.err
    with Client(Address(up.url, "test")) as client:
        client.check_ready()


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
    stack_here: OpenStack, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.local.stack.PATIENCE_S", 0.1)
    told = "Not ready yet: waiting for the database: nobody is there"

    def let_go_once_told() -> None:
        wait_until(lambda: told in said, "it was said")
        (tmp_path / "go").touch()

    watcher = threading.Thread(target=let_go_once_told)
    watcher.start()
    with stack_here({"api"}, FAKE_WAITS="1"):
        watcher.join()
    assert told in said


def test_a_migration_that_fails_without_a_word_is_told_with_the_room_on_its_disk(
    stack_here: OpenStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.local.process.Process.tail", lambda process: "")
    with (
        pytest.raises(ClientError, match=r"migrations\.log is empty, and its disk has [\d,]+ bytes free$"),
        stack_here({"api"}, FAKE_CRASH="migrations"),
    ):
        pytest.fail("it cannot be ready without its database")


@pytest.mark.parametrize("folder", ["/proc/x", "/proc/self"])
def test_artifacts_that_cannot_be_written_are_refused_before_anything_starts(
    folder: str, start: Start, tmp_path: Path
) -> None:
    running = start("up", "--port", "0", PRETRAIN_ARTIFACTS_URL=folder)
    assert running.ended() == 1
    refusal = f"data sets and checkpoints cannot be written in {folder} (from PRETRAIN_ARTIFACTS_URL): "
    assert running.err.startswith(f"pretrain: {refusal}")
    assert running.err.count("\n") == 1


def test_a_second_signal_stops_at_once(start: Start) -> None:
    running = start("up", "--port", "0", FAKE_STUBBORN="train")
    running.wait_for("pretrain is ready.")
    running.send(signal.SIGINT)
    wait_until((running.data_dir / "stopped").exists, "the worker was asked to stop")
    running.send(signal.SIGINT)
    assert running.ended() == 0
    assert "Stopping at once." in running.err
    assert running.processes() == {}


def test_a_busy_port_that_was_asked_for_is_an_error(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        running = start("up", "--port", str(port))
        assert running.ended() == 1
    assert f"port {port}: in use" in running.err


def test_a_busy_default_port_moves_on_to_a_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        assert choose_port("127.0.0.1", port, asked_for=False) != port


def test_a_free_port_is_taken_as_it_is() -> None:
    port = free_port("127.0.0.1")
    assert choose_port("127.0.0.1", port, asked_for=True) == port


def test_an_address_that_is_not_this_machines_is_an_error() -> None:
    with pytest.raises(ClientError, match=r"cannot listen on 192\.0\.2\.1"):
        choose_port("192.0.2.1", 0, asked_for=True)


def test_a_host_beyond_loopback_is_refused(start: Start) -> None:
    running = start("up", "--host", "0.0.0.0")
    assert running.ended() == 1
    assert "PRETRAIN_ALLOW_NO_TOKEN=1" in running.err


def test_a_host_beyond_loopback_is_served_when_something_else_guards_it(start: Start) -> None:
    running = start("up", "--host", "0.0.0.0", "--port", "0", PRETRAIN_ALLOW_NO_TOKEN="1")
    running.wait_for("pretrain is ready.")
    assert running.url.startswith("http://127.0.0.1:")


def test_a_service_at_an_address_of_its_own_is_looked_for_there(start: Start) -> None:
    running = start("up", "--host", "127.0.0.2", "--port", "0", PRETRAIN_ALLOW_NO_TOKEN="1")
    running.wait_for("pretrain is ready.")
    assert running.url.startswith("http://127.0.0.2:")


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


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def stack_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]) -> OpenStack:
    """Opens a stack in the test's own process, which restarts at once what dies and stops in no time."""
    monkeypatch.setattr("client.local.process.FIRST_BACKOFF_S", 0)
    monkeypatch.setattr("client.local.stack.RECORD_GRACE_S", 0)

    def open_stack(essential: set[str], **variables: str) -> AbstractContextManager[Stack]:
        for name, value in stand_in_environment(tmp_path, **variables).items():
            monkeypatch.setenv(name, value)
        settings = Settings(data_dir=tmp_path, port=0, stop_grace_s=0.1)
        return local_stack(settings, port_asked_for=True, say=said.append, essential=essential)

    return open_stack


def test_an_essential_process_that_keeps_dying_ends_the_stack(stack_here: OpenStack, tmp_path: Path) -> None:
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
    stack_here: OpenStack, said: list[str]
) -> None:
    with stack_here({"api"}, FAKE_CRASH="train") as stack:
        assert "5 times in a row" in said[-1]
        assert (stack.data_dir / "url").read_text().strip() == stack.url
        stack.tend(0)
    assert [line.split(" in ")[0] for line in said[1:-1]] == [
        "train ended with exit status 1; it starts again"
    ] * (MANY_DEATHS - 1)
    kept_dying = (
        f"train ended with exit status 1, {MANY_DEATHS} times in a row; from now on it is tried again"
    )
    assert said[-1].startswith(kept_dying)


def tend_until_said(stack: Stack, said: list[str], words: str) -> None:
    def was_said() -> bool:
        stack.tend(0)
        return any(words in line for line in said)

    wait_until(was_said, f"{words!r} was said")


def test_what_keeps_dying_is_tried_again_and_again_and_says_when_it_is_back(
    stack_here: OpenStack, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "crash").write_text("keeper")
    with stack_here({"api"}) as stack:
        tend_until_said(stack, said, "keeper ended with exit status 1, 5 times in a row")
        (tmp_path / "crash").unlink()
        monkeypatch.setattr("client.local.process.RECOVERED_S", 0.2)
        tend_until_said(stack, said, "keeper runs again")


def test_once_the_service_is_ready_nothing_that_keeps_dying_ends_it(
    stack_here: OpenStack, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stack_here({"api"}) as stack:
        (tmp_path / "crash").write_text("api")
        os.kill(int((tmp_path / "pids" / "api").read_text()), signal.SIGKILL)

        def tend(seconds: float) -> None:
            Stack.tend(stack, 0)
            if any("api ended with exit status 1, 5 times in a row" in line for line in said):
                raise KeyboardInterrupt

        monkeypatch.setattr(stack, "tend", tend)
        stack.serve_until_interrupted()
    assert said[-1] == "Stopping."


@pytest.mark.parametrize("name", ["train", "generate", "keeper"])
def test_a_child_that_is_stopped_is_killed_and_started_again(up: Running, name: str) -> None:
    before = up.pid(name)
    os.kill(before, signal.SIGSTOP)
    up.wait_for(f"{name} hung and was killed (no sign of life for")
    wait_until(lambda: up.pid(name) != before, "there was another")
    assert before not in up.processes()


def test_a_child_that_lives_but_gives_no_signs_of_life_is_started_again(start: Start) -> None:
    running = start("up", "--port", "0", FAKE_DEAF="generate")
    running.wait_for("generate hung and was killed (no sign of life for")


@pytest.mark.parametrize("name", ["api", "valkey"])
def test_an_api_or_a_broker_that_no_longer_answers_is_killed_and_started_again(
    stack_here: OpenStack, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(probe, "ASK_EVERY_S", 0.05)
    monkeypatch.setattr(probe, "ANSWER_WITHIN_S", 0.2)
    monkeypatch.setattr(probe, "SILENCE_LIMIT_S", 0.5)
    with stack_here({"api"}) as stack:
        process = next(process for process in stack._processes if process.name == name)
        before = process.pid
        wait_until(lambda: process._watch._has_answered, "it had answered")
        os.kill(before, signal.SIGSTOP)
        tend_until_said(stack, said, f"{name} hung and was killed (it has not answered for")
        wait_until(lambda: stack.tend(0) or process.pid != before, "there was another")
        wait_until(lambda: process._watch._has_answered, "it answered again")


def test_a_folder_that_was_there_keeps_its_mode(start: Start, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o755)
    running = start("up", "--port", "0")
    running.wait_for("pretrain is ready.")
    assert stat.S_IMODE(running.data_dir.stat().st_mode) == 0o755


def test_a_process_that_does_not_stop_is_killed(
    stack_here: OpenStack, said: list[str], tmp_path: Path
) -> None:
    with stack_here({"api"}, FAKE_STUBBORN="train") as stack:
        wait_until((stack.data_dir / "pids" / "train").exists, "the worker ran")
    assert said[1:] == ["train did not stop within 0 s and was killed."]
    assert processes_of(tmp_path) == {}


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_signals():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("host", [b"\xff", "a b", "a..b", "a" * 300, "127.0.0.1:80", ""])
def test_a_host_that_is_none_is_a_usage_error(host: str | bytes, tmp_path: Path) -> None:
    ended = finished(["up", "--host", host], stand_in_environment(tmp_path / "data"), capture_output=True)
    assert ended.returncode == 2
    assert b"pretrain: --host: '" in ended.stderr
    assert ended.stderr.count(b"\n") == 1


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
