"""A broker that repeats itself, comes and goes, forgets everything, or falls silent."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from redis import Redis

from jobs.broker.queue import TRAIN_QUEUE, make_celery, make_redis, publish
from jobs.lifecycle.submission import submit
from jobs.spec.parsing import parse_spec
from jobs.states import Status
from tests.backends import RedisServer
from tests.chaos.conftest import MakeProxy, Serve, Within
from tests.chaos.faults import Fault
from tests.chaos.reference import Referee, small
from tests.chaos.service import Service
from tests.waiting import wait_until

LONGER = small(training={"num_epochs": 15})
SHORT = small(training={"num_epochs": 1})
DELIVERIES = 10
ANSWER_WITHIN_S = 10


def check_all_succeed(
    service: Service, fault: Fault, specs: dict[str, dict], reference: Referee, attempts: int = 1
) -> None:
    """Expect of every job, by its id, that it ends as its spec does undisturbed, in one attempt."""
    for job_id, spec in specs.items():
        job = service.wait_for_status(job_id, Status.SUCCEEDED)
        fault.expect(job.attempt == attempts, f"job {job_id} took {job.attempt} attempts")
        service.outcome(job_id).check(fault, reference(spec))


@pytest.mark.fault(8)
@pytest.mark.parametrize("database", ["postgresql", pytest.param("sqlite", marks=pytest.mark.thorough)])
def test_a_message_delivered_ten_times_at_once_is_claimed_once(
    serve: Serve, reference: Referee, fault: Fault, thorough: bool, database: str
) -> None:
    service = serve(database=database, workers=3, keepers=0)
    celery = make_celery(service.settings)
    # Connections are pooled for the whole process: their limit is set when an application first asks for
    # them, which fails while one of its threads has taken one under the limit of another application.
    assert celery.producer_pool is not None
    specs = {}
    for number in range(1, 11 if thorough else 2):
        job, _ = submit(service.database, service.settings, parse_spec(small()))
        specs[job.id] = small()
        with ThreadPoolExecutor(DELIVERIES) as pool:
            list(pool.map(lambda _: publish(celery, TRAIN_QUEUE), range(DELIVERIES)))
        fault.inject()
        check_all_succeed(service, fault, {job.id: small()}, reference)
        no_ops = (DELIVERIES - 1) * number
        wait_until(lambda no_ops=no_ops: no_ops_of(service) >= no_ops, "every message was taken")
    # Once more, long after the end.
    for _ in range(DELIVERIES):
        publish(celery, TRAIN_QUEUE)
    wait_until(lambda: no_ops_of(service) >= no_ops + DELIVERIES, "every message was taken")
    check_all_succeed(service, fault, specs, reference)


def no_ops_of(service: Service) -> int:
    """Messages for which the workers found nothing to do, as their logs tell."""
    return sum(worker.logged.count("nothing to do") for worker in service.of_kind("worker"))


@pytest.mark.fault(11)
def test_a_broker_that_is_restarted_again_and_again_stops_neither_training_nor_the_queue(
    serve: Serve, redis_server: RedisServer, reference: Referee, fault: Fault, thorough: bool
) -> None:
    service = serve()
    service.hold(0)
    running = service.post(LONGER)
    specs = {running: LONGER}
    service.wait_for_step(running, 0)
    for number in range(1, 11 if thorough else 4):
        redis_server.stop()
        fault.inject()
        specs[service.post(SHORT)] = SHORT
        service.hold(5 * number)  # so that it trains on, and is not over by the next time
        service.wait_for_step(running, 5 * number)
        redis_server.start()
        wait_until(lambda: worker_is_connected(redis_server), "the worker was connected again")
    service.let_go()
    check_all_succeed(service, fault, specs, reference)


def worker_is_connected(server: RedisServer) -> bool:
    """Only workers subscribe to anything: to Celery's remote control."""
    clients = Redis.from_url(server.url).client_list()
    return any(int(client["sub"]) + int(client["psub"]) for client in clients)


@pytest.mark.fault(12)
@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.thorough)])
def test_a_broker_that_is_emptied_loses_no_job(
    serve: Serve, redis_server: RedisServer, reference: Referee, fault: Fault, thorough: bool, database: str
) -> None:
    service = serve(database=database)
    service.spawn("keeper")
    redis = Redis.from_url(redis_server.url)
    for _ in range(5 if thorough else 1):
        service.hold(1)
        running = service.post(LONGER)
        service.wait_for_step(running, 1)
        waiting = [service.post(SHORT)]
        redis.flushall()
        redis.flushall()
        # What Redis knew of the queue itself is gone, too.
        waiting.append(service.post(SHORT))
        redis.flushall()
        fault.inject(3)
        assert service.job(running).status == Status.RUNNING
        service.let_go()
        check_all_succeed(service, fault, {running: LONGER, **dict.fromkeys(waiting, SHORT)}, reference)


@pytest.mark.fault(13)
@pytest.mark.parametrize(
    "connected",
    [True, pytest.param(False, marks=pytest.mark.thorough)],
    ids=["connected", "no connection yet"],
)
def test_a_broker_that_never_answers_delays_jobs_and_nothing_else(
    serve: Serve,
    proxy: MakeProxy,
    redis_server: RedisServer,
    reference: Referee,
    fault: Fault,
    within: Within,
    thorough: bool,
    connected: bool,
) -> None:
    link = proxy(redis_server.port)
    service = serve(links={"redis_url": link})
    if connected:
        service.wait_for_status(service.post(SHORT), Status.SUCCEEDED)
        wait_until(lambda: has_no_message(service), "the worker was done with every message")
    link.stall()
    posts = 30 if thorough else 12  # more than Celery by itself would keep connections for
    with ThreadPoolExecutor(posts) as pool:
        answers = list(pool.map(lambda _: service.request("POST", "/jobs", json=SHORT), range(posts)))
    fault.inject(posts)
    for answer in answers:
        fault.expect(answer.status_code == 201, f"POST answered {answer.status_code}")
        check_in_time(fault, answer, within(ANSWER_WITHIN_S))
    stored = {answer.json()["id"] for answer in answers}

    answer = service.request("GET", "/jobs?limit=100")
    fault.expect(stored <= {job["id"] for job in answer.json()["data"]}, "a job is not on the list")
    check_in_time(fault, answer, within(ANSWER_WITHIN_S))
    answer = service.request("GET", "/readyz")
    fault.expect(answer.status_code == 503, f"/readyz answered {answer.status_code}")
    fault.expect(answer.json()["checks"]["broker"] != "ok", f"/readyz says {answer.text}")
    check_in_time(fault, answer, within(ANSWER_WITHIN_S))

    statuses = {service.job(job_id).status for job_id in stored}
    fault.expect(statuses == {Status.QUEUED}, f"jobs are {statuses} although no message got through")
    wanted = dict.fromkeys([stored.pop(), stored.pop()], SHORT)
    for job_id in stored:
        answer = service.request("POST", f"/jobs/{job_id}/cancel")
        fault.expect(answer.status_code == 202, f"cancel answered {answer.status_code}")
        check_in_time(fault, answer, within(ANSWER_WITHIN_S))
    link.forward()
    check_all_succeed(service, fault, wanted, reference)
    statuses = {service.job(job_id).status for job_id in stored}
    fault.expect(statuses == {Status.CANCELLED}, f"what was cancelled is {statuses}")


def has_no_message(service: Service) -> bool:
    """Whether neither the broker nor a worker has a message that could still begin a job."""
    with make_redis(service.settings) as redis:
        if redis.llen(TRAIN_QUEUE):
            return False
    log = service.worker.logged
    return log.count("] received") == log.count("] succeeded in")


@pytest.mark.fault(13)
def test_a_broker_that_does_not_answer_an_acknowledgement_leaves_the_worker_able_to_take_messages(
    serve: Serve, reference: Referee, fault: Fault, tmp_path: Path
) -> None:
    service = serve(workers=0)
    token = tmp_path / "token"
    service.spawn_injected(
        "worker", process="train", call="acknowledge", nth=1, action="no-answer", token=token
    )
    for _ in range(2):
        check_all_succeed(service, fault, {service.post(SHORT): SHORT}, reference)
    fault.inject(token.exists())


def check_in_time(fault: Fault, answer: httpx2.Response, limit_s: float) -> None:
    seconds = answer.elapsed.total_seconds()
    request = answer.request
    fault.expect(seconds < limit_s, f"{request.method} {request.url.path} took {seconds:.1f} s")
