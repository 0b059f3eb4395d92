"""A crowd of clients that do nothing, half of something, or much, before the service's door."""

import pytest

from benchmarks.crowd import Size, crowd_at
from benchmarks.front_door import GOAL_S, TIMEOUT_S, percentile_99, time_all
from jobs.states import Status
from tests.chaos.conftest import Serve
from tests.chaos.faults import Fault
from tests.chaos.reference import small

WHOLE = Size()
USUAL = Size(idle=100, half_sent=60, generations=60, plots=16)
"""More of each than a thread for every one of them would bear."""


@pytest.mark.fault(31)
def test_light_requests_are_answered_at_once_beside_a_crowd(
    serve: Serve, fault: Fault, thorough: bool
) -> None:
    service = serve()
    job_id = service.post(small())
    service.wait_for_status(job_id, Status.SUCCEEDED)
    size = WHOLE if thorough else USUAL
    paths = ["/healthz", f"/jobs/{job_id}"]
    with crowd_at(service.settings.port, job_id, size) as answers:
        fault.inject(size.idle + size.half_sent + size.generations + size.plots)
        times = time_all(service.settings.port, paths, 30 if thorough else 5)
    for path, each in zip(paths, times, strict=True):
        slowest_s, usual_s = max(each), percentile_99(each)
        print(f"{path}: p99 {1000 * usual_s:.0f} ms, at most {1000 * slowest_s:.0f} ms")
        fault.expect(slowest_s < TIMEOUT_S, f"{path} was not answered within {TIMEOUT_S} s")
        if thorough:
            fault.expect(usual_s < GOAL_S, f"p99 of {path} was {usual_s:.3f} s")
    print(f"the crowd was answered {answers}")
    fault.expect(set(answers["plot"]) == {"200"}, f"plots were answered {answers['plot']}")
    fault.expect(set(answers["generation"]) <= {"200", "503"}, f"prompts: {answers['generation']}")
    fault.expect("Traceback" not in service.api.log.read_text(), f"a traceback in {service.api.log}")
