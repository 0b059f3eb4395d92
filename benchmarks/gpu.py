"""How close training comes to a GPU's GEMM throughput, and what each acceleration contributes.

    python -m benchmarks.gpu [--batches 8 16 32] [--steps 20]

GPT-2 small at a context of 1,024 on the first CUDA device, with `model.training`'s own step: tokens a second
for each batch size in float32 (TF32), in bfloat16 and in both compiled, as a share of the card's measured
bfloat16 GEMM throughput, and peak memory; the same for the two windows of 256 of the lecture's job; then how
fast text is generated. Without a GPU it says so and exits with 2; `--device cpu` tries the code
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
from benchmarks.measuring import seconds_of
from model.accelerate.compiled_loss import CompiledLoss
from model.accelerate.graphed_loss import GraphedLoss
from model.config import GPTConfig, TrainingConfig
from model.estimate.parameters import training_flops_per_token
from model.generation import generate
from model.gpt import GPT
from model.inference.engine import fast_engine
from model.layers.kit import BFLOAT16, KITS
from model.loss import LossFunction, loss_of
from model.numerics import ResolvedNumerics, set_up
from model.optimizer import make_optimizer
from worker.oom import find_oom_error

A100_TOKENS_PER_S = 142_156
"""rasbt/LLMs-from-scratch, ch05/10_llm-training-speed: one A100, everything tuned."""
A100_DENSE_FLOPS = 312e12
"""NVIDIA's A100 data sheet, bfloat16 without sparsity."""
GOAL = 0.5


@dataclass(frozen=True)
class Variant:
    name: str
    numerics: ResolvedNumerics
    compiled: bool = False
    graphed: bool = True


@dataclass(frozen=True)
class Measurement:
    variant: Variant
    batch: int
    tokens_per_s: float
    peak_bytes: int
    first_step_s: float
    """Compiling included."""


VARIANTS = (
    Variant("float32, TF32", "float32"),
    Variant("float32, TF32, compiled", "float32", compiled=True),
    Variant("bfloat16, kernels launched one by one", "bfloat16", graphed=False),
    Variant("bfloat16", "bfloat16"),
    Variant("bfloat16, compiled", "bfloat16", compiled=True),
)


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def gemm_flops(device: torch.device, size: int) -> float:
    """bfloat16 GEMM throughput, in FLOP/s: the median of square matrix products."""
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    seconds = []
    for _ in range(20):
        synchronise(device)
        started = time.perf_counter()
        a @ b
        synchronise(device)
        seconds.append(time.perf_counter() - started)
    return 2 * size**3 / statistics.median(seconds)


def make_step(variant: Variant, config: GPTConfig, batch: int, device: torch.device) -> Callable[[], Tensor]:
    """A step of training on fresh random tokens, as `Training.train_step` makes it; it returns the loss
    without waiting for it."""
    set_up(device, variant.numerics)
    torch.manual_seed(123)
    model = GPT(config, KITS[variant.numerics]).to(device).train()
    optimizer = make_optimizer(model, TrainingConfig())
    loss_function: LossFunction = CompiledLoss() if variant.compiled else loss_of
    if variant.graphed and device.type == "cuda":
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


def measure(config: GPTConfig, batches: list[int], steps: int, device: torch.device) -> Iterator[Measurement]:
    """Every variant with every batch; one that does not fit is left out."""
    for variant in VARIANTS:
        for batch in batches:
            try:
                if device.type == "cuda":
                    torch.cuda.empty_cache()
                    torch.cuda.reset_peak_memory_stats()
                torch.compiler.reset()  # else the second shape is compiled for any
                step = make_step(variant, config, batch, device)
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
                print(f"| {variant.name} | {batch} | does not fit | | | | |", flush=True)
                continue
            peak = torch.cuda.max_memory_allocated() if device.type == "cuda" else 0
            yield Measurement(variant, batch, steps * batch * config.context_length / seconds, peak, first)


def print_table(
    config: GPTConfig, batches: list[int], steps: int, peak_flops: float, device: torch.device
) -> float:
    """Of every variant with every batch; returns the best share of `peak_flops`."""
    print("| how | batch | ms a step | tokens/s | of GEMM throughput | peak GB | first step |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    best = 0.0
    for measured in measure(config, batches, steps, device):
        share = measured.tokens_per_s * training_flops_per_token(config) / peak_flops
        best = max(best, share)
        step_s = measured.batch * config.context_length / measured.tokens_per_s
        speed = f"{1000 * step_s:.1f} | {measured.tokens_per_s:,.0f} | {share:.0%}"
        costs = f"{measured.peak_bytes / 1e9:.1f} | {measured.first_step_s:.1f} s"
        print(f"| {measured.variant.name} | {measured.batch} | {speed} | {costs} |", flush=True)
    return best


def text_speeds(config: GPTConfig, device: torch.device) -> tuple[float, float]:
    """Tokens a second of one prompt, and of a batch of `generating.BATCH`, in bfloat16."""
    torch.manual_seed(123)
    model = GPT(config, BFLOAT16).to(device).eval()
    make_engine = fast_engine(model)
    prompt = [token % config.vocab_size for token in generating.PROMPT]
    tokens = generating.TOKENS
    one, batch = [], []
    for _ in range(4):
        one.append(
            tokens
            / seconds_of(lambda: generating.drain(generate(model, prompt, tokens, engine=make_engine())))
        )
        together = seconds_of(lambda: generating.generate_batch(model, make_engine(), prompt, tokens))
        batch.append(generating.BATCH * tokens / together)
    return statistics.median(one[1:]), statistics.median(batch[1:])


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
    peak_flops = gemm_flops(device, size)
    print(f"bfloat16 GEMM: {peak_flops / 1e12:.2f} TFLOP/s\n")
    best = print_table(config, arguments.batches, arguments.steps, peak_flops, device)
    lecture = config.model_copy(update={"context_length": min(256, config.context_length), "drop_rate": 0.1})
    print(f"\nthe lecture's windows of {lecture.context_length} tokens:\n")
    print_table(lecture, [2], arguments.steps, peak_flops, device)
    one, batch = text_speeds(config, device)
    print(f"\ntext of one prompt: {one:.0f} tokens/s, of a batch of {generating.BATCH}: {batch:.0f}")
    if device.type == "cpu":
        return 0
    scaled = A100_TOKENS_PER_S * peak_flops / A100_DENSE_FLOPS
    print(f"\nbest: {best:.0%} of GEMM throughput, goal {GOAL:.0%}: {'yes' if best >= GOAL else 'NO'}")
    print(f"the public A100 figure scaled to this card by it: {scaled:,.0f} tokens/s")
    return 0 if best >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
