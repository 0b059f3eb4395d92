"""Many requests at once on SQLite, which has one writer at a time."""

import itertools
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from jobs.states import Status
from tests.chaos.conftest import Serve
from tests.chaos.faults import Fault
from tests.chaos.reference import Referee, small
from tests.chaos.service import Service

READERS = 32
WRITERS = 8
TRAINED = small(training={"num_epochs": 12})
VIEWS = ["/jobs", "/jobs/{}", "/jobs/{}/losses", "/jobs/{}/events", "/jobs/{}/checkpoints"]


class Crowd:
    """Clients that ask one API without a pause, each over a connection of its own."""

    def __init__(self, service: Service, trained: str) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()
        self.bad: list[str] = []
        """Answers that no request deserved."""
        self._url = service.url
        self._trained = trained
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def run(self, seconds: float) -> None:
        with ThreadPoolExecutor(READERS + WRITERS) as pool:
            clients = [pool.submit(self._read, number) for number in range(READERS)]
            clients += [pool.submit(self._write) for _ in range(WRITERS)]
            time.sleep(seconds)
            self._stop.set()
            for client in clients:
                client.result()

    def _read(self, seed: int) -> None:
        chosen = random.Random(seed)
        with self._client() as client:
            while not self._stop.is_set():
                self._ask(client, "GET", chosen.choice(VIEWS).format(self._trained), expected=(200,))

    def _write(self) -> None:
        """Post a job, cancel it, delete it. The worker may have taken it in between, or even trained it."""
        with self._client() as client:
            while not self._stop.is_set():
                posted = self._ask(client, "POST", "/jobs", expected=(201,), json=small())
                if posted.status_code == 201:
                    job_id = posted.json()["id"]
                    self._ask(client, "POST", f"/jobs/{job_id}/cancel", expected=(202, 409))
                    self._ask(client, "DELETE", f"/jobs/{job_id}", expected=(204, 409))

    def _client(self) -> httpx2.Client:
        return httpx2.Client(base_url=self._url, timeout=60, trust_env=False, verify=False)

    def _ask(
        self, client: httpx2.Client, method: str, path: str, expected: tuple[int, ...], **options: object
    ) -> httpx2.Response:
        answer = client.request(method, path, **options)
        with self._lock:
            self.answers[method, answer.status_code] += 1
            if answer.status_code not in expected:
                self.bad.append(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer


@pytest.mark.alone
@pytest.mark.fault(22)
def test_readers_and_writers_crowd_sqlite_while_a_job_is_trained(
    serve: Serve, reference: Referee, fault: Fault, thorough: bool
) -> None:
    service = serve()
    trained = service.post(TRAINED)
    service.wait_for_step(trained, 1)
    crowd = Crowd(service, trained)
    crowd.run(60 if thorough else 8)
    print(f"{READERS} readers and {WRITERS} writers: {dict(crowd.answers)}")
    fault.inject(crowd.answers.total())
    for method in ("GET", "POST", "DELETE"):
        assert any(asked == method for asked, _ in crowd.answers), f"no {method} was answered"
    for bad in crowd.bad:
        fault.expect(False, bad)
    service.wait_for_status(trained, Status.SUCCEEDED)
    service.outcome(trained).check(fault, reference(TRAINED))
    for process, cry in itertools.product(service.processes, ("is locked", "Traceback")):
        fault.expect(cry not in process.logged, f"{process.name} logged {cry!r}: see {process.log}")
