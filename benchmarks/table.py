"""How fast `pretrain` is, beside its goals: the table of `make bench`.

    python -m benchmarks.table {quick,usual,full} [--only WORD ...]

All is measured in this one run, in processes of their own and in turns, and compared as ratios of medians.
`quick` takes one look at each (3 minutes), `usual` several (25 minutes); both compute whole jobs from their
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
from benchmarks.measuring import product_rate
from model.numerics import pick_device, resolve_numerics

ARITHMETIC_OF_A_STEP = 6 * 123_500_000 * 512
"""6 operations for each token and weight of a matrix. Source: Kaplan et al. 2020, section 2.1."""


@dataclass(frozen=True)
class Effort:
    rounds: int
    steps: int
    evaluations: int
    plain_looks: int
    """Tokens that the plain loop computes, of as many as we generate."""
    megabytes: int
    """Of text that is tokenised."""
    service_epochs: int
    service_rounds: int
    whole: bool = False


EFFORTS = {
    "quick": Effort(1, 2, 1, plain_looks=20, megabytes=10, service_epochs=0, service_rounds=0),
    "usual": Effort(3, 5, 2, plain_looks=TOKENS, megabytes=100, service_epochs=2, service_rounds=2),
    "full": Effort(
        5, 9, 3, plain_looks=TOKENS, megabytes=1000, service_epochs=10, service_rounds=1, whole=True
    ),
}


@dataclass(frozen=True)
class Row:
    what: str
    measured: str
    goal: str
    is_met: bool

    def __str__(self) -> str:
        return f"| {self.what} | {self.measured} | {self.goal} | {'yes' if self.is_met else 'NO'} |"


def at_least(what: str, value: float, goal: float, told: str = "{:.1f} times", detail: str = "") -> Row:
    return Row(what, told.format(value) + detail, f"at least {told.format(goal)}", value >= goal)


def at_most(what: str, value: float, goal: float, told: str = "{:.0%}", detail: str = "") -> Row:
    return Row(what, told.format(value) + detail, f"at most {told.format(goal)}", value <= goal)


class Table:
    """The rows, each measured when it is asked for; what several need is measured once."""

    def __init__(self, effort: Effort) -> None:
        self.effort = effort
        self.fast = resolve_numerics("auto", pick_device())

    @cache  # noqa: B019
    def parts(self) -> dict[str, job_parts.Parts]:
        found: dict[str, list[job_parts.Parts]] = {}
        for _ in range(self.effort.rounds):
            for who in dict.fromkeys(("plain", self.fast, "float32")):
                found.setdefault(who, []).append(
                    job_parts.measure(who, self.effort.steps, self.effort.evaluations, samples=1)
                )
        return {who: job_parts.median_of(each) for who, each in found.items()}

    @cache  # noqa: B019
    def job_seconds(self) -> dict[str, float]:
        if self.effort.whole:
            return {who: whole_jobs.seconds(who) for who in dict.fromkeys(("plain", self.fast, "float32"))}
        return {who: parts.job_s for who, parts in self.parts().items()}

    @cache  # noqa: B019
    def speeds(self) -> tuple[generating.Speeds, generating.Speeds]:
        plain = generating.measure("plain", "--looks", str(self.effort.plain_looks))
        return plain, generating.measure("cached")

    @cache  # noqa: B019
    def service_costs(self) -> overhead.Costs:
        return overhead.measure(self.effort.service_epochs, self.effort.service_rounds)

    def job(self) -> Iterator[Row]:
        seconds = self.job_seconds()
        plain = seconds["plain"]
        for who, goal in {self.fast: 4.5, "float32": 2.0}.items():
            detail = f" ({plain:.0f} s : {seconds[who]:.0f} s)"
            yield at_least(
                f"the lecture's job in {who}, to the plain loop", plain / seconds[who], goal, detail=detail
            )

    def step(self) -> Iterator[Row]:
        dtype = torch.bfloat16 if self.fast == "bfloat16" else torch.float32
        step_s, rate = self.parts()[self.fast].step, product_rate(dtype)
        achieved = ARITHMETIC_OF_A_STEP / step_s
        detail = f" ({achieved / 1e9:.0f} of {rate / 1e9:.0f} GFLOP/s; {step_s:.2f} s a step)"
        yield at_least("arithmetic of a step, to a matrix product", achieved / rate, 0.75, "{:.0%}", detail)

    def memory(self) -> Iterator[Row]:
        ours, plain = (self.parts()[who].peak_bytes for who in (self.fast, "plain"))
        detail = f" ({ours / 1e9:.2f} : {plain / 1e9:.2f} GB)"
        yield at_most("peak memory of training, to the plain loop", ours / plain, 0.7, detail=detail)

    def generation(self) -> Iterator[Row]:
        plain, cached = self.speeds()
        detail = f" ({cached.one:.0f} : {plain.one:.1f} tokens/s)"
        yield at_least("text of one prompt, to the plain loop", cached.one / plain.one, 20, detail=detail)
        detail = f" (of {cached.ceiling:.0f} tokens/s)"
        share = cached.one / cached.ceiling
        yield at_least("text of one prompt, to what reading the weights allows", share, 0.6, "{:.0%}", detail)
        detail = f" ({cached.int8:.0f} of {cached.ceiling:.0f} tokens/s)"
        yield at_least(
            "the same with the weights in 8 bits", cached.int8 / cached.ceiling, 1, "{:.0%}", detail
        )
        detail = f" ({cached.at_once:.0f} : {cached.one:.0f} tokens/s)"
        yield at_least("8 prompts at once, to one by one", cached.at_once / cached.one, 3, detail=detail)

    def tokens(self) -> Iterator[Row]:
        found = tokenising.compare(self.effort.megabytes, self.effort.rounds)
        what = f"preparing {self.effort.megabytes} MB of text, to one call of tiktoken"
        detail = f" ({found.one_call_s:.1f} : {found.prepared_s:.1f} s)"
        yield at_least(what, found.one_call_s / found.prepared_s, 1.7, detail=detail)
        yield at_most("peak memory of that", found.prepared_peak_bytes / 1e9, 1.5, "{:.2f} GB")

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
