"""The latency of light requests while other clients keep the service busy.

    python -m benchmarks.front_door [--seconds 30]

Starts a whole `pretrain up`, trains a tiny job, and asks for `/healthz` and `/jobs/<id>` ten times a second
each, from one process and over a connection of its own each time: without load, and under each kind of load
(`benchmarks.load_generator`) and all of it: 400 idle connections, 100 half-sent requests, 200 requests for a
generation, 32 plots at once. Before that, what `/healthz` takes over a connection that is kept. Prints
markdown for `benchmarks/LOG.md`; the exit status is 1 if the goal is missed.
"""

import argparse
import http.client
import statistics
import sys
import threading
import time
from urllib.parse import urlsplit

from benchmarks.load_generator import Load, under_load
from benchmarks.service import running_service, wait_for_success, wait_until_warm

GOAL_S = 0.2
"""At the 99th percentile. Source: reliability promise 31."""
EVERY_S = 0.1
TIMEOUT_S = 10
KEPT_REQUESTS = 100
SPEC = {
    "preset": "tiny",
    "dataset": "sample",
    "tokenizer": "bytes",
    "training": {"max_steps": 300},
    "evaluation": {"eval_freq": 1},
}
LOADS = {
    "nothing": Load(0, 0, 0, 0),
    "400 idle connections": Load(400, 0, 0, 0),
    "100 half-sent requests": Load(0, 100, 0, 0),
    "200 requests for a generation": Load(0, 0, 200, 0),
    "32 plots at once": Load(0, 0, 0, 32),
    "all of these": Load(),
}


def measure_latency(port: int, path: str, seconds: float) -> list[float]:
    """Seconds until each answer to a request made every EVERY_S. One that fails counts TIMEOUT_S."""
    latencies = []
    begun = time.monotonic()
    for number in range(round(seconds / EVERY_S)):
        time.sleep(max(0, begun + number * EVERY_S - time.monotonic()))
        if time.monotonic() > begun + seconds + TIMEOUT_S:
            latencies.append(float(TIMEOUT_S))  # it is that far behind already
            continue
        asked = time.monotonic()
        answered = is_answered(port, path)
        latencies.append(time.monotonic() - asked if answered else float(TIMEOUT_S))
    return latencies


def is_answered(port: int, path: str) -> bool:
    """Whether the path is answered with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        return response.status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def kept_latency(port: int) -> float:
    """Seconds until the answer to a request, in the median of many over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    latencies = []
    for _ in range(KEPT_REQUESTS):
        asked = time.monotonic()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        latencies.append(time.monotonic() - asked)
    connection.close()
    return statistics.median(latencies)


def measure_all(port: int, paths: list[str], seconds: float) -> list[list[float]]:
    """`measure_latency` of each path, at the same time."""
    by_path: dict[str, list[float]] = {}
    threads = [
        threading.Thread(
            target=lambda path=path: by_path.update({path: measure_latency(port, path, seconds)})
        )
        for path in paths
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [by_path[path] for path in paths]


def percentile_99(latencies: list[float]) -> float:
    return statistics.quantiles(latencies, n=100, method="inclusive")[98]


def summary_ms(latencies: list[float]) -> str:
    figures = statistics.median(latencies), percentile_99(latencies), max(latencies)
    return " / ".join(f"{1000 * figure:.0f}" for figure in figures)


def statuses(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} x {status}" for status, count in counts.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--only", choices=LOADS, nargs="+", default=list(LOADS))
    arguments = parser.parse_args()
    with running_service() as (stack, client):
        port = urlsplit(stack.url).port
        assert port
        job = wait_for_success(stack, client, client.jobs.submit(SPEC), poll_s=0.1)
        wait_until_warm(stack)
        print(f"`/healthz` over a connection that is kept: {1000 * kept_latency(port):.1f} ms\n")
        paths = ["/healthz", f"/jobs/{job['id']}"]
        print("| beside | `/healthz`: median, p99, max (ms) | `/jobs/<id>` | generations | plots |")
        print("| --- | ---: | ---: | --- | --- |", flush=True)
        met = True
        for name in arguments.only:
            wait_until_warm(stack)
            with under_load(port, job["id"], LOADS[name]) as answers:
                latencies = measure_all(port, paths, arguments.seconds)
            met &= all(percentile_99(path_latencies) < GOAL_S for path_latencies in latencies)
            columns = [name, *map(summary_ms, latencies), *map(statuses, answers.values())]
            print(f"| {' | '.join(columns)} |", flush=True)
    print(f"\np99 under {1000 * GOAL_S:.0f} ms: {'yes' if met else 'NO'}")
    sys.exit(not met)


if __name__ == "__main__":
    main()
