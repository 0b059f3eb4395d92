"""Prompts whose worker, broker, files, memory, client or neighbours fail them."""

import os
import re
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

import httpx2
import pytest
from redis import Redis

from jobs.lifecycle.checkpoints import find_checkpoint
from jobs.states import Status
from model.manifest import WEIGHTS
from tests.backends import RedisServer
from tests.chaos.conftest import MakeProxy, Serve, Within
from tests.chaos.faults import Fault
from tests.chaos.reference import small
from tests.chaos.service import Process, Service
from tests.chaos.stopping import go_on, stop
from tests.waiting import wait_until

HEARD_WITHIN_S = 10
ENDS_WITHIN_S = 1
LONG_TOKENS = 10_000
SHORT = small(training={"num_epochs": 1})
CLIENTS = 50
PATH = re.compile(r"/[^\s\"]+/(attempt-|jobs/|step-)|\.safetensors|checkpoint\.json|Traceback")


class Prompts:
    """Sends prompts to a service, and knows how long each answer took."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.redis = Redis.from_url(service.settings.redis, decode_responses=True)

    def ask(self, job_id: str, **options: Any) -> httpx2.Response:
        return self.service.request("POST", "/generate", json={"job_id": job_id, "prompt": "the", **options})

    def ask_for_long(
        self, pool: ThreadPoolExecutor, job_id: str, count: int
    ) -> list[Future[httpx2.Response]]:
        """So many endless requests, all of them taken by the worker."""
        asking = [pool.submit(self.ask, job_id, max_new_tokens=LONG_TOKENS) for _ in range(count)]
        wait_until(lambda: self.taken() == count, "the worker had taken them")
        return asking

    def taken(self) -> int:
        return len(list(self.redis.scan_iter("pretrain:generation-*:worker")))

    def left(self) -> list[str]:
        return list(self.redis.scan_iter("pretrain:generation-*"))

    def wait_for_answer(self, job_id: str) -> None:
        """Wait until a prompt is answered again, whatever the state that the service is in."""
        wait_until(lambda: self.ask(job_id, max_new_tokens=1).status_code == 200, "a prompt was answered")


def train(service: Service, spec: dict[str, Any] = SHORT) -> str:
    """A new job, trained to its end."""
    job_id = service.post(spec)
    service.wait_for_status(job_id, Status.SUCCEEDED)
    return job_id


TRAINED: WeakKeyDictionary[Service, list[str]] = WeakKeyDictionary()


def trained(service: Service, number: int = 0) -> str:
    """A trained job to be asked and left as it is: the same for all tests that share the service."""
    jobs = TRAINED.setdefault(service, [])
    while len(jobs) <= number:
        jobs.append(train(service))
    return jobs[number]


def check_heard(fault: Fault, asking: list[Future[httpx2.Response]], since_s: float, limit_s: float) -> None:
    """Expect that each was told in time to try again."""
    for each in asking:
        answer = each.result()
        heard_s = time.monotonic() - since_s
        fault.expect(answer.status_code == 503, f"an asker was answered {answer.status_code} {answer.text}")
        fault.expect("Retry-After" in answer.headers, "an asker was not told when to try again")
        fault.expect(heard_s < limit_s, f"an asker heard only after {heard_s:.1f} s")
        check_no_path(fault, answer)


def check_no_path(fault: Fault, answer: httpx2.Response) -> None:
    fault.expect(PATH.search(answer.text) is None, f"an answer names a path: {answer.text}")


def newest_step(service: Service, job_id: str) -> int:
    """Of its checkpoints."""
    with service.database.read() as session:
        return find_checkpoint(session, job_id, "last").step


def record_of(service: Service, worker: Process) -> dict[str, Any]:
    """What `GET /workers` tells of it; empty before it has told of itself."""
    records = service.request("GET", "/workers").json()["data"]
    return next((record for record in records if record["pid"] == worker.pid), {})


def wait_until_idle(service: Service, worker: Process) -> None:
    seen: list[dict[str, Any]] = []

    def is_idle() -> bool:
        seen[:] = [record_of(service, worker)]
        return seen[0].get("status") == "idle"

    try:
        wait_until(is_idle, "the worker was idle")
    except AssertionError as error:
        raise AssertionError(f"{error}; it was told as {seen}") from error


@pytest.fixture
def pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(CLIENTS)


@pytest.mark.fault(25)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_those_whose_generation_worker_dies_or_stops_hear_in_time(
    serve: Serve, fault: Fault, pool: ThreadPoolExecutor, within: Within, number: signal.Signals
) -> None:
    service = serve(generators=1)
    job_id, prompts = trained(service), Prompts(service)
    prompts.wait_for_answer(job_id)
    (generator,) = service.of_kind("generator")
    asking = prompts.ask_for_long(pool, job_id, 5)
    if number == signal.SIGKILL:
        generator.kill()
    else:
        stop(service, generator.pid)
    since_s = time.monotonic()
    fault.inject()
    check_heard(fault, asking, since_s, within(HEARD_WITHIN_S))
    fault.expect(prompts.left() == [], f"left in Redis: {prompts.left()}")
    if number == signal.SIGSTOP:
        go_on(generator.pid)
    else:
        service.spawn("generator")
    prompts.wait_for_answer(job_id)


@pytest.mark.fault(26)
def test_a_damaged_file_fails_what_asks_for_it_and_nothing_else(serve: Serve, fault: Fault) -> None:
    service = serve(generators=1)
    damaged, sound = train(service), trained(service)
    prompts = Prompts(service)
    with service.database.read() as session:
        weights = service.settings.artifacts / find_checkpoint(session, damaged, "last").directory / WEIGHTS
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    for _ in range(2):
        answer = prompts.ask(damaged)
        fault.inject()
        fault.expect(answer.status_code == 503, f"answered {answer.status_code}")
        fault.expect("is damaged" in answer.json()["detail"], f"no reason: {answer.text}")
        check_no_path(fault, answer)
        answer = prompts.ask(sound, max_new_tokens=2)
        fault.expect(answer.status_code == 200, f"the next prompt was answered {answer.status_code}")


@pytest.mark.fault(26)
def test_a_model_for_which_there_is_no_memory_fails_its_prompts_alone(serve: Serve, fault: Fault) -> None:
    service = serve(generators=1)
    large_one = {"emb_dim": 512, "n_heads": 4, "n_layers": 8, "context_length": 64}
    large = train(service, small(model=large_one, training={"max_steps": 1}))
    little, prompts = trained(service), Prompts(service)
    prompts.wait_for_answer(little)
    (generator,) = service.of_kind("generator")
    used_kilobytes = re.search(r"VmSize:\s+(\d+)", Path(f"/proc/{generator.pid}/status").read_text())
    assert used_kilobytes is not None
    before = resource.prlimit(generator.pid, resource.RLIMIT_AS)
    limit = int(used_kilobytes[1]) * 1024 + 32 * 2**20
    resource.prlimit(generator.pid, resource.RLIMIT_AS, (limit, before[1]))
    try:
        answer = prompts.ask(large, max_new_tokens=2)
        fault.inject()
        fault.expect(answer.status_code == 503, f"answered {answer.status_code}")
        fault.expect("out of memory" in answer.json()["detail"], f"no reason: {answer.text}")
        check_no_path(fault, answer)
        answer = prompts.ask(little, max_new_tokens=2)
        fault.expect(answer.status_code == 200, f"the next prompt was answered {answer.text}")
    finally:
        resource.prlimit(generator.pid, resource.RLIMIT_AS, before)
    answer = prompts.ask(large, max_new_tokens=2)
    fault.expect(answer.status_code == 200, f"with memory for it, it was answered {answer.text}")
    fault.expect(generator.alive, "the worker has ended")


def long_request(job_id: str, *, stream: bool = False) -> bytes:
    """For a client that does not wait for the answer."""
    options = {"job_id": job_id, "prompt": "the", "max_new_tokens": LONG_TOKENS}
    query = urlencode(options | ({"stream": "true"} if stream else {}))
    return f"GET /generate?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def hang_up_all(service: Service, job_id: str, prompts: Prompts) -> float:
    """Ask for long texts over connections of our own, every second one a stream; when all were closed, with
    the worker at them."""
    clients = [socket.create_connection(("127.0.0.1", service.settings.port)) for _ in range(CLIENTS)]
    for number, client in enumerate(clients):
        client.sendall(long_request(job_id, stream=number % 2 == 1))
    wait_until(lambda: prompts.taken() == CLIENTS, "the worker had taken them")
    for client in clients:
        client.close()
    return time.monotonic()


@pytest.mark.alone
@pytest.mark.fault(27)
def test_clients_that_hang_up_all_at_once_leave_no_work_and_nothing_in_redis(
    serve: Serve, fault: Fault, within: Within, thorough: bool
) -> None:
    service = serve(generators=1)
    job_id, prompts = trained(service), Prompts(service)
    prompts.wait_for_answer(job_id)
    (generator,) = service.of_kind("generator")
    for _ in range(5 if thorough else 1):
        since_s = hang_up_all(service, job_id, prompts)
        wait_until(lambda: not prompts.left(), "nothing was left in Redis")
        gone_s = time.monotonic() - since_s
        fault.inject(CLIENTS)
        fault.expect(gone_s < within(ENDS_WITHIN_S), f"they were given up only after {gone_s:.2f} s")
        wait_until_idle(service, generator)
        ended_s = time.monotonic() - since_s
        # What /workers tells has gone through the database.
        fault.expect(ended_s < within(2 * ENDS_WITHIN_S), f"the work ended only after {ended_s:.2f} s")
        answer = prompts.ask(job_id, max_new_tokens=1)
        fault.expect(answer.status_code == 200, f"the next prompt was answered {answer.status_code}")
        seconds = answer.elapsed.total_seconds()
        fault.expect(seconds < within(ENDS_WITHIN_S), f"the next prompt waited for {seconds:.1f} s")
    fault.expect(prompts.left() == [], f"left in Redis: {prompts.left()}")


@pytest.mark.fault(27)
def test_prompts_of_an_api_that_was_killed_are_computed_no_further(serve: Serve, fault: Fault) -> None:
    service = serve(generators=1)
    job_id, prompts = trained(service), Prompts(service)
    prompts.wait_for_answer(job_id)
    (generator,) = service.of_kind("generator")
    with socket.create_connection(("127.0.0.1", service.settings.port)) as client:
        client.sendall(long_request(job_id))
        wait_until(lambda: prompts.taken() == 1, "the worker had taken it")
        service.api.kill_group()
        fault.inject()
    wait_until(lambda: not prompts.left(), "nothing was left in Redis")
    service.spawn("api")
    service.wait_for_api()
    wait_until_idle(service, generator)
    prompts.wait_for_answer(job_id)


@pytest.mark.fault(28)
def test_a_job_that_replaces_its_checkpoints_at_every_step_answers_every_prompt(
    serve: Serve, fault: Fault, pool: ThreadPoolExecutor, thorough: bool
) -> None:
    service = serve(generators=1)
    checkpoints = {"every_steps": 1, "keep_last": 1, "keep_best": 0}
    job_id = service.post(small(training={"num_epochs": 2000}, checkpoints=checkpoints))
    prompts = Prompts(service)
    service.wait_for_step(job_id, 3)
    prompts.wait_for_answer(job_id)
    steps: set[int] = set()
    was_replaced = False
    for _ in range(10 if thorough else 3):
        answered = max(steps, default=0)
        wait_until(
            lambda answered=answered: newest_step(service, job_id) > answered, "a later one was written"
        )
        before = newest_step(service, job_id)
        answers = list(pool.map(lambda n: prompts.ask(job_id, max_new_tokens=n + 1), range(12)))
        was_replaced |= newest_step(service, job_id) > before
        fault.inject(12)
        for answer in answers:
            fault.expect(answer.status_code == 200, f"answered {answer.status_code} {answer.text}")
            check_no_path(fault, answer)
            steps.add(answer.json().get("checkpoint", 0))
    fault.expect(was_replaced, "no checkpoint was replaced meanwhile")

    # Its job deleted between asking and reading: 404, or the text of what was read before.
    service.request("POST", f"/jobs/{job_id}/cancel")
    service.wait_for_status(job_id, Status.CANCELLED)
    start = threading.Event()

    def ask(n: int) -> httpx2.Response:
        start.wait()
        return prompts.ask(job_id, max_new_tokens=n + 1)

    asking = [pool.submit(ask, n) for n in range(12)]
    start.set()
    deleted = service.request("DELETE", f"/jobs/{job_id}")
    fault.expect(deleted.status_code == 204, f"DELETE answered {deleted.status_code}")
    answers = [each.result() for each in asking] + [prompts.ask(job_id)]
    fault.inject()
    for answer in answers:
        fault.expect(answer.status_code in (200, 404), f"answered {answer.status_code} {answer.text}")
        check_no_path(fault, answer)
    fault.expect(answers[-1].status_code == 404, f"answered {answers[-1].status_code} after the deletion")


@pytest.mark.alone
@pytest.mark.fault(29)
def test_a_short_request_waits_for_no_long_one_of_its_own_or_another_model(
    serve: Serve, fault: Fault, pool: ThreadPoolExecutor, within: Within, thorough: bool
) -> None:
    service = serve(generators=1)
    mine, other, unloaded = trained(service, 0), trained(service, 1), train(service)
    prompts = Prompts(service)
    for job_id in (other, mine):
        prompts.wait_for_answer(job_id)
    alone_s = min(prompts.ask(mine, max_new_tokens=1).elapsed.total_seconds() for _ in range(3))
    long_prompt = "a word " * 100_000
    long = prompts.ask_for_long(pool, mine, 1)
    long.append(pool.submit(prompts.ask, mine, prompt=long_prompt, max_new_tokens=LONG_TOKENS))
    for job_id in [mine, other] * (10 if thorough else 2) + [unloaded]:
        answer = prompts.ask(job_id, max_new_tokens=1)
        fault.inject()
        fault.expect(answer.status_code == 200, f"answered {answer.status_code}")
        seconds = answer.elapsed.total_seconds()
        # A few tokens take milliseconds here; loading the third model takes a second on a busy machine.
        fault.expect(seconds < alone_s + within(2), f"it took {seconds:.1f} s, alone {alone_s:.1f} s")
    fault.expect(not any(each.done() for each in long), "the long ones were over, so nothing was shown")
    pool.shutdown(wait=False)


def restart(server: RedisServer) -> None:
    server.stop()
    server.start()


def empty(server: RedisServer) -> None:
    Redis.from_url(server.url).flushall()


@pytest.mark.fault(30)
@pytest.mark.parametrize("strike", [restart, empty])
def test_those_whose_redis_restarts_or_forgets_hear_in_time_and_the_next_prompt_is_answered(
    serve: Serve,
    redis_server: RedisServer,
    fault: Fault,
    pool: ThreadPoolExecutor,
    within: Within,
    strike: Callable[[RedisServer], None],
    thorough: bool,
) -> None:
    service = serve(generators=1)
    job_id, prompts = trained(service), Prompts(service)
    prompts.wait_for_answer(job_id)
    (generator,) = service.of_kind("generator")
    for _ in range(3 if thorough else 1):
        asking = prompts.ask_for_long(pool, job_id, 12)  # more than there are places, so some wait
        strike(redis_server)
        since_s = time.monotonic()
        fault.inject()
        check_heard(fault, asking, since_s, within(HEARD_WITHIN_S))
        wait_until_idle(service, generator)
        fault.expect(prompts.left() == [], f"left in Redis: {prompts.left()}")
        prompts.wait_for_answer(job_id)
    fault.expect(generator.alive, "the worker has ended")
    fault.expect(os.getpgid(generator.pid) == generator.pid, "another worker has taken its place")


@pytest.mark.fault(26)
def test_a_prompt_on_which_native_code_panics_fails_at_once_and_alone(
    serve: Serve, fault: Fault, pool: ThreadPoolExecutor, within: Within, tmp_path: Path
) -> None:
    service = serve(generators=1)
    job_id, prompts = trained(service), Prompts(service)
    service.of_kind("generator")[0].terminate()
    strikes = {"process": "generate", "call": "encode", "nth": 4, "action": "panic", "token": tmp_path / "t"}
    generator = service.spawn_injected("generator", **strikes)
    wait_until_idle(service, generator)
    answers = list(pool.map(lambda _: prompts.ask(job_id, max_new_tokens=300), range(6)))
    fault.inject()
    failed = [answer for answer in answers if answer.status_code != 200]
    fault.expect(len(failed) == 1, f"{len(failed)} of six failed")
    for answer in failed:
        fault.expect(answer.status_code == 500, f"answered {answer.status_code}")
        fault.expect("NativePanic" in answer.json()["detail"], f"no reason: {answer.text}")
        seconds = answer.elapsed.total_seconds()
        fault.expect(seconds < within(HEARD_WITHIN_S), f"it failed only after {seconds:.1f} s")
        check_no_path(fault, answer)
    prompts.wait_for_answer(job_id)
    fault.expect(generator.alive, "the worker has ended")


@pytest.mark.fault(13)
def test_those_whose_redis_never_answers_hear_in_time(
    serve: Serve,
    proxy: MakeProxy,
    redis_server: RedisServer,
    fault: Fault,
    pool: ThreadPoolExecutor,
    within: Within,
) -> None:
    link = proxy(redis_server.port)
    service = serve(generators=1, links={"redis_url": link})
    job_id, prompts = trained(service), Prompts(service)
    prompts.wait_for_answer(job_id)
    asking = prompts.ask_for_long(pool, job_id, 5)
    link.stall()
    since_s = time.monotonic()
    fault.inject()
    check_heard(fault, asking, since_s, within(HEARD_WITHIN_S))
    check_heard(fault, [pool.submit(prompts.ask, job_id)], time.monotonic(), within(HEARD_WITHIN_S))
    link.forward()
    prompts.wait_for_answer(job_id)
    wait_until(lambda: not prompts.left(), "nothing was left in Redis")
