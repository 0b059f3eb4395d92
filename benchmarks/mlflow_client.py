"""What a user of MLflow waits for: run by the Python of MLflow's own environment, and nothing of ours.

    python mlflow_client.py URL RECORDED READ POINTS LONG_READS

Prints JSON: MLflow's version, and the median seconds of each operation.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import mlflow  # type: ignore[import-not-found]
from mlflow.entities import Metric  # type: ignore[import-not-found]
from mlflow.tracking import MlflowClient  # type: ignore[import-not-found]

NAMES = ("train_loss", "val_loss", "val_bpb", "learning_rate", "grad_norm", "tokens_per_s")
"""The numbers of an evaluation."""
METRICS_AT_ONCE = 1000
"""As many as the server takes."""


def seconds_of(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def main() -> None:
    url = sys.argv[1]
    recorded, read, points, long_reads = map(int, sys.argv[2:])
    client = MlflowClient(tracking_uri=url)
    run_id = client.create_run(client.create_experiment("benchmark")).info.run_id

    def numbers(step: int, names: Sequence[str]) -> list[Metric]:
        return [Metric(name, 5.0 - step / 1e6, 1_790_000_000_000 + step, step) for name in names]

    def record(step: int) -> None:
        client.log_batch(run_id, metrics=numbers(step, NAMES))

    recording = [seconds_of(partial(record, step)) for step in range(recorded)]
    reading = [seconds_of(lambda: client.get_run(run_id)) for _ in range(read)]
    for begin in range(recorded, points, METRICS_AT_ONCE):
        steps = range(begin, min(begin + METRICS_AT_ONCE, points))
        client.log_batch(run_id, metrics=[metric for step in steps for metric in numbers(step, ["val_loss"])])

    def read_all() -> None:
        found = client.get_metric_history(run_id, "val_loss")
        assert len(found) == points, len(found)

    measured = {
        "version": mlflow.__version__,
        "record an evaluation": statistics.median(recording),
        "read a run": statistics.median(reading),
        "read all points": statistics.median(seconds_of(read_all) for _ in range(long_reads)),
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
