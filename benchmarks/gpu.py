"""How close training comes to what a GPU can do, and what each measure contributes.

    python -m benchmarks.gpu [--batches 8 16 32] [--steps 20]

GPT-2 small at a context of 1,024 on the first CUDA device, with `model.training`'s own step: tokens a second
for each batch size in float32 (TF32), in bfloat16 and in both compiled, as a share of the card's measured
rate of a bfloat16 matrix product, and peak memory; the same for the two windows of 256 of the lecture's job;
then the speed of generated text. Without a GPU it says so and exits with 2; `--device cpu` tries the code
paths on a tiny model.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks import generating
from benchmarks.arithmetic import operations_per_token
from benchmarks.measuring import seconds_of
from model.accelerate.compiled_loss import compile_loss
from model.accelerate.graphed_loss import GraphedLoss
from model.config import GPTConfig, TrainingConfig
from model.generation import generate
from model.gpt import GPT
from model.inference.engine import fast_engine
from model.layers.kit import BFLOAT16, KITS
from model.loss import LossFunction, loss_of
from model.numerics import ResolvedNumerics, set_up
from model.optimizer import make_optimizer
from worker.training.oom import find_oom_error

A100_TOKENS_PER_S = 142_156
"""rasbt/LLMs-from-scratch, ch05/10_llm-training-speed: one A100, everything tuned."""
A100_DENSE_FLOPS = 312e12
"""NVIDIA's A100 data sheet, bfloat16 without sparsity."""
GOAL = 0.5


@dataclass(frozen=True)
class Way:
    name: str
    numerics: ResolvedNumerics
    compiled: bool = False
    graphed: bool = True


@dataclass(frozen=True)
class Measured:
    way: Way
    batch: int
    tokens_per_s: float
    peak_bytes: int
    first_step_s: float
    """Compiling included."""


WAYS = (
    Way("float32, TF32", "float32"),
    Way("float32, TF32, compiled", "float32", compiled=True),
    Way("bfloat16, kernels started one by one", "bfloat16", graphed=False),
    Way("bfloat16", "bfloat16"),
    Way("bfloat16, compiled", "bfloat16", compiled=True),
)


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def product_flops(device: torch.device, size: int) -> float:
    """Of a square bfloat16 matrix product, a second; the median."""
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    seconds = []
    for _ in range(20):
        synchronise(device)
        started = time.perf_counter()
        a @ b
        synchronise(device)
        seconds.append(time.perf_counter() - started)
    return 2 * size**3 / statistics.median(seconds)


def make_step(way: Way, config: GPTConfig, batch: int, device: torch.device) -> Callable[[], Tensor]:
    """A step of training on fresh random tokens, as `Training.train_step` makes it; gives the loss unread."""
    set_up(device, way.numerics)
    torch.manual_seed(123)
    model = GPT(config, KITS[way.numerics]).to(device).train()
    optimizer = make_optimizer(model, TrainingConfig())
    loss_function: LossFunction = compile_loss() if way.compiled else loss_of
    if way.graphed and device.type == "cuda":
        loss_function = GraphedLoss(loss_function, torch.cuda.graph_pool_handle())
    shape = (batch, config.context_length + 1)

    def step() -> Tensor:
        tokens = torch.randint(config.vocab_size, shape)
        if device.type == "cuda":
            tokens = tokens.pin_memory().to(device, non_blocking=True)
        optimizer.zero_grad()
        loss = loss_function(model, tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous())
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def measure(config: GPTConfig, batches: list[int], steps: int, device: torch.device) -> Iterator[Measured]:
    """Every way with every batch; one that does not fit is left out."""
    for way in WAYS:
        for batch in batches:
            try:
                if device.type == "cuda":
                    torch.cuda.empty_cache()
                    torch.cuda.reset_peak_memory_stats()
                torch.compiler.reset()  # else the second shape is compiled for any
                step = make_step(way, config, batch, device)
                synchronise(device)
                started = time.perf_counter()
                step()
                synchronise(device)
                first = time.perf_counter() - started
                for _ in range(3):
                    step()
                synchronise(device)
                started = time.perf_counter()
                for _ in range(steps):
                    step()
                synchronise(device)
                seconds = time.perf_counter() - started
            except RuntimeError as error:
                if find_oom_error(error) is None:
                    raise
                print(f"| {way.name} | {batch} | does not fit | | | | |", flush=True)
                continue
            peak = torch.cuda.max_memory_allocated() if device.type == "cuda" else 0
            yield Measured(way, batch, steps * batch * config.context_length / seconds, peak, first)


def print_table(
    config: GPTConfig, batches: list[int], steps: int, rate: float, device: torch.device
) -> float:
    """Of every way with every batch; returns the best share of `rate`."""
    print("| how | batch | ms a step | tokens/s | of the product's rate | peak GB | first step |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    best = 0.0
    for found in measure(config, batches, steps, device):
        share = found.tokens_per_s * operations_per_token(config) / rate
        best = max(best, share)
        step_s = found.batch * config.context_length / found.tokens_per_s
        speed = f"{1000 * step_s:.1f} | {found.tokens_per_s:,.0f} | {share:.0%}"
        costs = f"{found.peak_bytes / 1e9:.1f} | {found.first_step_s:.1f} s"
        print(f"| {found.way.name} | {found.batch} | {speed} | {costs} |", flush=True)
    return best


def text_speeds(config: GPTConfig, device: torch.device) -> tuple[float, float]:
    """Tokens a second of one prompt, and of `generating.AT_ONCE` side by side, in bfloat16."""
    torch.manual_seed(123)
    model = GPT(config, BFLOAT16).to(device).eval()
    make_engine = fast_engine(model)
    prompt = [token % config.vocab_size for token in generating.PROMPT]
    tokens = generating.TOKENS
    one, at_once = [], []
    for _ in range(4):
        one.append(
            tokens
            / seconds_of(lambda: generating.drain(generate(model, prompt, tokens, engine=make_engine())))
        )
        together = seconds_of(lambda: generating.generate_side_by_side(model, make_engine(), prompt, tokens))
        at_once.append(generating.AT_ONCE * tokens / together)
    return statistics.median(one[1:]), statistics.median(at_once[1:])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=[8, 16, 32])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("there is no CUDA device on this machine", file=sys.stderr)
        return 2
    set_up(device, "bfloat16")  # before the first product: cuBLAS reads its settings once
    if device.type == "cuda":
        config, size = GPTConfig(vocab_size=50257, context_length=1024, drop_rate=0.0), 8192
        print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}\n")
    else:
        config = GPTConfig(vocab_size=257, context_length=64, emb_dim=64, n_heads=4, n_layers=2)
        size = 512
        print(f"the CPU, a tiny model: only that it runs; PyTorch {torch.__version__}\n")
    rate = product_flops(device, size)
    print(f"a bfloat16 matrix product: {rate / 1e12:.2f} TFLOP/s\n")
    best = print_table(config, arguments.batches, arguments.steps, rate, device)
    lecture = config.model_copy(update={"context_length": min(256, config.context_length), "drop_rate": 0.1})
    print(f"\nthe lecture's windows of {lecture.context_length} tokens:\n")
    print_table(lecture, [2], arguments.steps, rate, device)
    one, at_once = text_speeds(config, device)
    print(f"\ntext of one prompt: {one:.0f} tokens/s, of {generating.AT_ONCE} at once: {at_once:.0f}")
    if device.type == "cpu":
        return 0
    scaled = A100_TOKENS_PER_S * rate / A100_DENSE_FLOPS
    print(f"\nbest: {best:.0%} of the product's rate, goal {GOAL:.0%}: {'yes' if best >= GOAL else 'NO'}")
    print(f"the public A100 figure scaled to this card by that rate: {scaled:,.0f} tokens/s")
    return 0 if best >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
