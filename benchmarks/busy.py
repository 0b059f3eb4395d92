"""How much of its speed training keeps under contention, on a machine that others use too.

    python -m benchmarks.busy [--rounds 5] [--seconds 8] [--models lecture tiny]

Steps a second of the lecture's model (bfloat16 where the processor multiplies it, else float32) and of `tiny`
(float32): alone, beside one and two processes that compute without end, beside a generation worker that
writes 50-token texts one after the other, and with another trainer of the same model, whose steps count too.
Each with the product's settings for threads, with OpenMP's defaults, and as the baseline, a plain PyTorch
loop. All trainers run from the start and pause while another is measured; the rounds go through everything in
turns, and medians count. Prints markdown for `benchmarks/LOG.md`; the exit status is 1 if a goal is missed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any, Literal, get_args

from benchmarks.lecture_loop import Loop
from benchmarks.service import running_service, wait_for_success, wait_until_warm
from client.api.pretrain import Pretrain
from jobs.spec.parsing import parse_spec
from model.data import Data
from model.numerics import pick_device, resolve_numerics
from model.tokenizers import load_tokenizer
from model.training import train
from worker.threads import SHORT_SPINS, WATCHED_SPINS, with_spin_settings
from worker.training.allocator import with_allocator_settings
from worker.training.contention import ContentionMonitor

Model = Literal["lecture", "tiny"]
Variant = Literal["ours", "shorter spin", "default", "baseline"]
Scenario = Literal["nothing", "one busy process", "two busy processes", "50-token answers", "another trainer"]

DESCRIPTIONS: dict[Variant, str] = {
    "ours": "as the product sets it: OpenMP's defaults, watched",
    "shorter spin": f"`GOMP_SPINCOUNT={SHORT_SPINS['GOMP_SPINCOUNT']}`",
    "default": "OpenMP's defaults",
    "baseline": "baseline: a plain PyTorch loop",
}
ENVIRONMENTS: dict[Variant, dict[str, str]] = {
    "ours": with_spin_settings(with_allocator_settings({}), WATCHED_SPINS),
    "shorter spin": with_spin_settings(with_allocator_settings({}), SHORT_SPINS),
    "default": with_allocator_settings({}),
    "baseline": {},
}
MIN_STEPS = 2
"""Of a measurement. Beside busy processes one step may take longer than a measurement should."""
WARM_UP_STEPS = 3
SETTLE_S = 1.5
"""After which a trainer has noticed what is beside it; steps before are not counted."""
PARAGRAPHS = 400
"""So that no epoch ends, which would bring a sample, while steps are counted."""


@dataclass(frozen=True)
class Goal:
    description: str
    model: Model
    scenario: Scenario
    min_share: float
    """Of the product's speed alone; for `nothing`, of the best variant's."""


GOALS = [
    Goal("alone, of the best variant", "lecture", "nothing", 0.97),
    Goal("beside one busy process", "lecture", "one busy process", 0.50),
    Goal("under constant answers", "lecture", "50-token answers", 0.45),
    Goal("two trainers together, of one alone", "lecture", "another trainer", 0.90),
    Goal("alone, of the best variant", "tiny", "nothing", 0.93),
    Goal("beside one busy process", "tiny", "one busy process", 0.50),
]


class Counter:
    """A `should_stop` that pauses the run until its stdin says for how many seconds to count steps."""

    def __init__(self) -> None:
        self._warm_up_left = WARM_UP_STEPS
        self._settles_until_s = 0.0
        self._steps = 0
        self._seconds = self._started_s = 0.0

    def __call__(self) -> bool:
        if self._warm_up_left:
            self._warm_up_left -= 1
            if self._warm_up_left == 0:
                self._report_and_pause("ready")
            return False
        if time.perf_counter() < self._settles_until_s:
            self._started_s = time.perf_counter()
            return False
        self._steps += 1
        elapsed_s = time.perf_counter() - self._started_s
        if elapsed_s >= self._seconds and self._steps >= MIN_STEPS:
            self._report_and_pause(json.dumps(self._steps / elapsed_s))
        return False

    def _report_and_pause(self, report: str) -> None:
        print(report, flush=True)
        line = sys.stdin.readline()
        if not line:
            raise SystemExit  # the benchmark is over
        self._steps, self._seconds, self._started_s = 0, float(line), time.perf_counter()
        self._settles_until_s = self._started_s + SETTLE_S


def long_text() -> str:
    story = Path(__file__).parents[1] / "jobs" / "files" / "texts" / "sample.txt"
    return story.read_text() * PARAGRAPHS


def run_ours(model: Model, variant: Variant) -> None:
    device = pick_device()
    numerics = resolve_numerics("auto" if model == "lecture" else "float32", device)
    body: dict[str, Any] = {"preset": model, "dataset": "sample"}
    body |= {"evaluation": {"eval_freq": 10**9}, "checkpoints": {"every_epochs": None}}
    run = parse_spec(body)
    if variant == "ours":
        ContentionMonitor().start()
    with tempfile.TemporaryDirectory() as folder:
        train(
            run,
            Data.from_text(long_text(), load_tokenizer(run.tokenizer), run),
            on_event=lambda _: None,
            should_stop=Counter(),
            checkpoint_root=Path(folder),
            numerics=numerics,
            device=device,
        )


def run_baseline() -> None:
    loop, count = Loop(long_text()), Counter()
    for inputs, targets in cycle(loop.train_loader):
        loop.step(inputs, targets)
        count()


class Trainer:
    """A process that trains on request."""

    def __init__(self, model: Model, variant: Variant) -> None:
        variables = {name: value for name, value in os.environ.items() if name not in SHORT_SPINS}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.busy", "--train", model, "--variant", variant],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=variables | ENVIRONMENTS[variant],
        )
        self._read_report()

    def begin(self, seconds: float) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()

    def end(self) -> float:
        """Steps a second since `begin`."""
        return float(self._read_report())

    def _read_report(self) -> str:
        assert self._process.stdout is not None
        if line := self._process.stdout.readline():
            return line
        raise SystemExit("a trainer has ended; its error stands above")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def measure_together(trainers: list[Trainer], seconds: float) -> float:
    """Steps a second of all of them."""
    for trainer in trainers:
        trainer.begin(seconds)
    return sum(trainer.end() for trainer in trainers)


@contextmanager
def busy(processes: int) -> Iterator[None]:
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


@contextmanager
def answering(client: Pretrain) -> Iterator[None]:
    """Texts of 50 tokens of the newest job, one after the other."""
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            client.generate("Every effort moves you", max_new_tokens=50)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@dataclass
class Speeds:
    """Steps a second by scenario and variant, of every round."""

    by_scenario: dict[tuple[Scenario, Variant], list[float]] = field(default_factory=dict)

    def add(self, scenario: Scenario, variant: Variant, speed: float) -> None:
        self.by_scenario.setdefault((scenario, variant), []).append(speed)

    def median(self, scenario: Scenario, variant: Variant) -> float | None:
        speeds = self.by_scenario.get((scenario, variant))
        return statistics.median(speeds) if speeds else None


def measure(model: Model, client: Pretrain | None, rounds: int, seconds: float) -> Speeds:
    """With the answers of a service's newest job, if there is one."""
    speeds = Speeds()
    variants: list[Variant] = ["ours", "shorter spin", "default"]
    if model == "lecture":
        variants.append("baseline")
    with ExitStack() as stack:
        trainers = {variant: Trainer(model, variant) for variant in variants}
        second_trainers: dict[Variant, Trainer] = {
            "ours": Trainer(model, "ours"),
            "default": Trainer(model, "default"),
        }
        for trainer in (*trainers.values(), *second_trainers.values()):
            stack.callback(trainer.close)

        def measure_one(scenario: Scenario, variant: Variant) -> None:
            speeds.add(scenario, variant, measure_together([trainers[variant]], seconds))

        for number in range(rounds):
            # Forwards and backwards by turns: what ran just before leaves the machine warm, or throttled.
            variants.sort(key=list(DESCRIPTIONS).index, reverse=number % 2 == 1)
            for variant in variants:
                measure_one("nothing", variant)
            loads: list[tuple[int, Scenario]] = [(1, "one busy process"), (2, "two busy processes")]
            for processes, scenario in loads:
                with busy(processes):
                    for variant in variants:
                        if variant != "shorter spin":
                            measure_one(scenario, variant)
            if client is not None:
                with answering(client):
                    measure_one("50-token answers", "ours")
                    measure_one("50-token answers", "default")
            for variant, second in second_trainers.items():
                both = measure_together([trainers[variant], second], seconds)
                speeds.add("another trainer", variant, both)
    return speeds


def table(model: Model, speeds: Speeds) -> Iterator[str]:
    variants = [variant for variant in DESCRIPTIONS if speeds.median("nothing", variant) is not None]
    yield f"| {model}, beside it | " + " | ".join(DESCRIPTIONS[variant] for variant in variants) + " |"
    yield "| --- |" + " ---: |" * len(variants)
    for scenario in get_args(Scenario):
        cells = [cell(speeds, scenario, variant) for variant in variants]
        if any(cells):
            yield f"| {scenario} | " + " | ".join(cells) + " |"


def cell(speeds: Speeds, scenario: Scenario, variant: Variant) -> str:
    speed, alone = speeds.median(scenario, variant), speeds.median("nothing", variant)
    if speed is None or alone is None:
        return ""
    return f"{speed:.2f}" if scenario == "nothing" else f"{speed:.2f} ({speed / alone:.0%})"


def check(goal: Goal, speeds: Speeds) -> tuple[str, bool]:
    """A line that says whether the goal is reached, and whether it is."""
    reached, alone = speeds.median(goal.scenario, "ours"), speeds.median("nothing", "ours")
    assert reached is not None
    assert alone is not None
    if goal.scenario == "nothing":
        candidates = [speeds.median("nothing", variant) for variant in ("ours", "shorter spin", "default")]
        alone = max(speed for speed in candidates if speed is not None)
    share = reached / alone
    is_met = share >= goal.min_share
    line = f"{goal.model}, {goal.description}: {share:.0%}, at least {goal.min_share:.0%}"
    return f"{line}: {'yes' if is_met else 'NO'}", is_met


@contextmanager
def service_with_a_model() -> Iterator[Pretrain]:
    """One whose newest job has the lecture's model."""
    with running_service() as (stack, client):
        wait_until_warm(stack)
        job = client.jobs.submit(
            {"dataset": "sample", "training": {"max_steps": 1}, "evaluation": {"eval_iter": 1}}
        )
        wait_for_success(stack, client, job, poll_s=1)
        yield client


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8, help="of a measurement of the lecture's model")
    parser.add_argument("--models", nargs="+", choices=get_args(Model), default=get_args(Model))
    parser.add_argument("--train", choices=get_args(Model), help="be a trainer of this model")
    parser.add_argument("--variant", choices=get_args(Variant))
    arguments = parser.parse_args()
    if arguments.train:
        if arguments.variant == "baseline":
            run_baseline()
        else:
            run_ours(arguments.train, arguments.variant)
        return
    missed = 0
    for model in arguments.models:
        with ExitStack() as stack:
            client = stack.enter_context(service_with_a_model()) if model == "lecture" else None
            seconds = arguments.seconds if model == "lecture" else arguments.seconds / 2
            speeds = measure(model, client, arguments.rounds, seconds)
        print("\n".join(table(model, speeds)), flush=True)
        print()
        for goal in GOALS:
            if goal.model == model:
                line, is_met = check(goal, speeds)
                print(line, flush=True)
                missed += not is_met
        print()
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
