"""How fast `pretrain` is, beside its goals: the table of `make bench`.

    python -m benchmarks.table {quick,usual,full} [--only ROWS ...]

All is measured in this one run, in processes of their own and in turns, and compared as ratios of medians.
`quick` measures each once (3 minutes), `usual` several times (25 minutes); both compute whole jobs from their
parts. `full` runs whole jobs, posted to a service, and a text of 1 GB. The exit status is 1 if a goal is
missed.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import torch

from benchmarks import generating, job_parts, overhead, start, tokenising, whole_jobs
from benchmarks.generating import TOKENS
from benchmarks.measuring import gemm_flops
from model.numerics import pick_device, resolve_numerics

STEP_FLOPS = 6 * 123_500_000 * 512
"""6 operations for each token and weight of a matrix. Source: Kaplan et al. 2020, section 2.1."""


@dataclass(frozen=True)
class Effort:
    rounds: int
    steps: int
    evaluations: int
    baseline_samples: int
    """Tokens that the baseline computes, of as many as we generate."""
    megabytes: int
    """Of text that is tokenised."""
    service_epochs: int
    service_rounds: int
    whole: bool = False


EFFORTS = {
    "quick": Effort(1, 2, 1, baseline_samples=20, megabytes=10, service_epochs=0, service_rounds=0),
    "usual": Effort(3, 5, 2, baseline_samples=TOKENS, megabytes=100, service_epochs=2, service_rounds=2),
    "full": Effort(
        5, 9, 3, baseline_samples=TOKENS, megabytes=1000, service_epochs=10, service_rounds=1, whole=True
    ),
}


@dataclass(frozen=True)
class Row:
    description: str
    measured: str
    goal: str
    is_met: bool

    def __str__(self) -> str:
        return f"| {self.description} | {self.measured} | {self.goal} | {'yes' if self.is_met else 'NO'} |"


def at_least(description: str, value: float, goal: float, form: str = "{:.1f}x", detail: str = "") -> Row:
    return Row(description, form.format(value) + detail, f"at least {form.format(goal)}", value >= goal)


def at_most(description: str, value: float, goal: float, form: str = "{:.0%}", detail: str = "") -> Row:
    return Row(description, form.format(value) + detail, f"at most {form.format(goal)}", value <= goal)


class Table:
    """The rows of each part, measured when that is called; what several need is measured once."""

    def __init__(self, effort: Effort) -> None:
        self.effort = effort
        self.best_numerics = resolve_numerics("auto", pick_device())
        self.implementations = list(dict.fromkeys(("baseline", self.best_numerics, "float32")))

    @cache  # noqa: B019
    def parts(self) -> dict[str, job_parts.Parts]:
        rounds: dict[str, list[job_parts.Parts]] = {}
        for _ in range(self.effort.rounds):
            for implementation in self.implementations:
                rounds.setdefault(implementation, []).append(
                    job_parts.measure(implementation, self.effort.steps, self.effort.evaluations, samples=1)
                )
        return {name: job_parts.median_of(parts) for name, parts in rounds.items()}

    @cache  # noqa: B019
    def job_seconds(self) -> dict[str, float]:
        if self.effort.whole:
            return {name: whole_jobs.seconds(name) for name in self.implementations}
        return {name: parts.job_s for name, parts in self.parts().items()}

    @cache  # noqa: B019
    def speeds(self) -> tuple[generating.Speeds, generating.Speeds]:
        baseline = generating.measure("baseline", "--samples", str(self.effort.baseline_samples))
        return baseline, generating.measure("cached")

    @cache  # noqa: B019
    def service_costs(self) -> overhead.Costs:
        return overhead.measure(self.effort.service_epochs, self.effort.service_rounds)

    def job(self) -> Iterator[Row]:
        seconds = self.job_seconds()
        baseline_s = seconds["baseline"]
        for numerics, goal in {self.best_numerics: 4.5, "float32": 2.0}.items():
            detail = f" ({baseline_s:.0f} s : {seconds[numerics]:.0f} s)"
            speedup = baseline_s / seconds[numerics]
            yield at_least(f"the lecture's job in {numerics}, to the baseline", speedup, goal, detail=detail)

    def step(self) -> Iterator[Row]:
        dtype = torch.bfloat16 if self.best_numerics == "bfloat16" else torch.float32
        step_s, peak = self.parts()[self.best_numerics].step, gemm_flops(dtype)
        achieved = STEP_FLOPS / step_s
        detail = f" ({achieved / 1e9:.0f} of {peak / 1e9:.0f} GFLOP/s; {step_s:.2f} s a step)"
        yield at_least("FLOP/s of a step, to GEMM throughput", achieved / peak, 0.75, "{:.0%}", detail)

    def memory(self) -> Iterator[Row]:
        ours, baseline = (self.parts()[name].peak_bytes for name in (self.best_numerics, "baseline"))
        detail = f" ({ours / 1e9:.2f} : {baseline / 1e9:.2f} GB)"
        yield at_most("peak memory of training, to the baseline", ours / baseline, 0.7, detail=detail)

    def generation(self) -> Iterator[Row]:
        baseline, cached = self.speeds()
        detail = f" ({cached.one:.0f} : {baseline.one:.1f} tokens/s)"
        yield at_least("text of one prompt, to the baseline", cached.one / baseline.one, 20, detail=detail)
        detail = f" (of {cached.bandwidth_bound:.0f} tokens/s)"
        share = cached.one / cached.bandwidth_bound
        yield at_least("text of one prompt, to what memory bandwidth allows", share, 0.6, "{:.0%}", detail)
        detail = f" ({cached.int8:.0f} of {cached.bandwidth_bound:.0f} tokens/s)"
        yield at_least(
            "the same with the weights in 8 bits", cached.int8 / cached.bandwidth_bound, 1, "{:.0%}", detail
        )
        detail = f" ({cached.batch:.0f} : {cached.one:.0f} tokens/s)"
        yield at_least("a batch of 8 prompts, to one by one", cached.batch / cached.one, 3, detail=detail)

    def tokens(self) -> Iterator[Row]:
        measured = tokenising.compare(self.effort.megabytes, self.effort.rounds)
        description = f"preparing {self.effort.megabytes} MB of text, to one call of tiktoken"
        detail = f" ({measured.one_call_s:.1f} : {measured.prepared_s:.1f} s)"
        yield at_least(description, measured.one_call_s / measured.prepared_s, 1.7, detail=detail)
        yield at_most("peak memory of that", measured.prepared_peak_bytes / 1e9, 1.5, "{:.2f} GB")

    def first_evaluation(self) -> Iterator[Row]:
        seconds = start.median_start(self.effort.rounds)["evaluated"]
        yield at_most("POST of a tiny job to its first evaluation", seconds, 1.0, "{:.2f} s")

    def service(self) -> Iterator[Row]:
        if self.effort.service_epochs == 0:
            return
        costs = self.service_costs()
        yield at_most("the service around the loop", costs.service, 0.03, "{:.1%}")
        yield at_most("the same, counted (benchmarks/overhead.py)", costs.counted, 0.03, "{:.1%}")
        yield at_most("checkpoints", costs.checkpoints, 0.10, "{:.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("effort", choices=EFFORTS)
    parser.add_argument("--only", nargs="+", help="some of the rows: `job`, `step`, `memory`, ...")
    arguments = parser.parse_args()
    table = Table(EFFORTS[arguments.effort])
    parts: dict[str, Callable[[], Iterator[Row]]] = {
        name: getattr(table, name)
        for name in ("job", "step", "memory", "generation", "tokens", "first_evaluation", "service")
    }
    print(f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, PyTorch {torch.__version__}\n")
    print("| what | measured | goal | met |\n| --- | ---: | ---: | --- |", flush=True)
    missed = False
    for name in arguments.only or parts:
        for row in parts[name]():
            missed |= not row.is_met
            print(row, flush=True)
    sys.exit(missed)


if __name__ == "__main__":
    main()
