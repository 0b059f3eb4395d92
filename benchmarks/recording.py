"""How long recording holds up the training thread.

    python -m benchmarks.recording

Trains a tiny model whose events a real `worker.training.recorder.Recorder` writes into an SQLite file, as a
trainer's does, and times each call: what it takes does not depend on the model. Prints the medians, and what
they come to over the lecture's job.
"""

import statistics
import tempfile
from collections import defaultdict
from pathlib import Path

import torch

from benchmarks.job_parts import CHECKPOINTS, EVALUATIONS, SAMPLES, STEPS
from benchmarks.measuring import seconds_of
from jobs.files.datasets import find_dataset, find_text
from jobs.files.layout import checkpoint_root
from jobs.lifecycle.attempts import claim
from jobs.lifecycle.submission import submit
from jobs.settings import Settings
from jobs.spec.parsing import parse_spec
from jobs.store.database import Database
from migrations.upgrade import upgrade
from model.data import Data
from model.events import CheckpointWritten, Evaluation, Event, Phase, Progress, Sample
from model.plan import Schedule
from model.tokenizers import load_tokenizer
from model.training import train
from worker.training.eta import EtaEstimator
from worker.training.recorder import Recorder
from worker.training.reports import ReportPipe

TOKENS_OF_A_SAMPLE = 50
BATCHES_OF_AN_EVALUATION = 6

COUNTS: dict[type, int] = {
    Progress: STEPS,  # none is left out: a step takes about as long as progress waits between two
    Evaluation: EVALUATIONS,
    Sample: SAMPLES,
    CheckpointWritten: CHECKPOINTS,
    Phase: EVALUATIONS * BATCHES_OF_AN_EVALUATION + SAMPLES * TOKENS_OF_A_SAMPLE + 2 * CHECKPOINTS,
}
"""Of the lecture's job."""


def seconds_by_event() -> dict[type, float]:
    """The median of each kind that the lecture's job has."""
    spec = parse_spec({"preset": "tiny", "dataset": "sample", "training": {"num_epochs": 10}})
    seconds: dict[type, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, open("/dev/null", "wb") as devnull:
        settings = Settings(data_dir=Path(folder))
        database = Database(settings.database)
        upgrade(database)
        job, _ = submit(database, settings, spec)
        with database.write() as session:
            claimed = claim(session, job.id, "the benchmark", lease_s=3600)
        assert claimed is not None
        pipe = ReportPipe(devnull.fileno())
        dataset = find_dataset(database, settings, spec.dataset)
        text = find_text(settings, dataset).path.read_bytes().decode()
        data = Data.from_text(text, load_tokenizer(spec.tokenizer), spec)
        eta = EtaEstimator(spec, Schedule.of(spec, len(data.train)))
        recorder = Recorder(database, settings.artifacts, claimed, spec.checkpoints, pipe.report_alive, eta)
        last_progress: list[Progress] = []

        def record(event: Event) -> None:
            seconds[type(event)].append(seconds_of(lambda: recorder(event)))
            if isinstance(event, Progress):
                last_progress[:] = [event]

        train(
            spec,
            data,
            on_event=record,
            should_stop=lambda: False,
            checkpoint_root=checkpoint_root(settings.artifacts, job.id, claimed.attempt),
            numerics="float32",
            device=torch.device("cpu"),
        )
        seconds[
            Progress
        ].clear()  # most of those came too early to be written; the last is written every time
        for _ in range(10):
            record(last_progress[0])
        recorder.wait_for_deletions()
        database.close()
    return {kind: statistics.median(seconds[kind]) for kind in COUNTS}


def seconds_of_job(by_event: dict[type, float]) -> float:
    """Of the lecture's whole job."""
    return sum(count * by_event[kind] for kind, count in COUNTS.items())


def main() -> None:
    by_event = seconds_by_event()
    print("| event | in the job | ms each |\n| --- | ---: | ---: |")
    for kind, count in COUNTS.items():
        print(f"| {kind.__name__} | {count} | {1000 * by_event[kind]:.3f} |")
    print(f"\n{seconds_of_job(by_event):.2f} s of the lecture's job")


if __name__ == "__main__":
    main()
