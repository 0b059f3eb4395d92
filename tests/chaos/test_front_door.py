"""Idle, half-sent and expensive requests of many clients, beside which light requests are answered."""

import pytest

from benchmarks import front_door
from benchmarks.front_door import GOAL_S, TIMEOUT_S, measure_all, percentile_99
from benchmarks.load_generator import Load, under_load
from jobs.broker.generation import announce_start
from jobs.broker.queue import make_redis
from jobs.states import Status
from tests.chaos.conftest import Serve, Within
from tests.chaos.faults import Fault
from tests.chaos.reference import small

FULL = Load()
USUAL = Load(idle=100, half_sent=60, generations=60, plots=16)
"""More of each than a thread for every one of them would bear."""


@pytest.mark.alone
@pytest.mark.fault(31)
def test_light_requests_are_answered_at_once_under_load(
    serve: Serve, fault: Fault, within: Within, thorough: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_s = within(TIMEOUT_S)
    monkeypatch.setattr(front_door, "TIMEOUT_S", limit_s)
    service = serve()
    job_id = service.post(small())
    service.wait_for_status(job_id, Status.SUCCEEDED)
    announce_start(make_redis(service.settings))  # prompts wait for a worker that does not come
    load = FULL if thorough else USUAL
    paths = ["/healthz", f"/jobs/{job_id}"]
    with under_load(service.settings.port, job_id, load) as answers:
        fault.inject(load.idle + load.half_sent + load.generations + load.plots)
        latencies = measure_all(service.settings.port, paths, 30 if thorough else 5)
    for path, path_latencies in zip(paths, latencies, strict=True):
        max_s, p99_s = max(path_latencies), percentile_99(path_latencies)
        print(f"{path}: p99 {1000 * p99_s:.0f} ms, at most {1000 * max_s:.0f} ms")
        fault.expect(max_s < limit_s, f"{path} was not answered within {limit_s:g} s")
        if thorough:
            fault.expect(p99_s < GOAL_S, f"p99 of {path} was {p99_s:.3f} s")
    print(f"the load was answered {answers}")
    fault.expect(set(answers["plot"]) == {"200"}, f"plots were answered {answers['plot']}")
    fault.expect(set(answers["generation"]) <= {"200", "503"}, f"prompts: {answers['generation']}")
    fault.expect("Traceback" not in service.api.logged, f"a traceback in {service.api.log}")
