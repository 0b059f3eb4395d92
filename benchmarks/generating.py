"""How fast text is generated: one prompt, a batch of eight, and the lecture's way without a cache (baseline).

    python -m benchmarks.generating {baseline,cached} [--tokens 200] [--samples 20]
                                    [--temperature 1] [--top-k 25] [--top-p 0.9]

The model is GPT-2 small with fresh weights, whose arithmetic is that of a trained one. The likeliest token is
taken, or with a cache one drawn as the options say. Without a cache, where a token takes the longer the
more come before it, `--samples` computes that many of the text's tokens only, evenly spread. Prints JSON.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial

import torch

from benchmarks.lecture import lecture_run
from benchmarks.lecture_loop import BaselineGPT, generate_without_cache
from benchmarks.measuring import memory_bandwidth, run_in_process, seconds_of
from model.config import Distribution
from model.generation import GREEDY, generate
from model.gpt import GPT
from model.inference.decoding import Decoding
from model.inference.engine import Engine, fast_engine
from model.inference.sampling import sample_token
from model.layers.kit import KITS
from model.numerics import pick_device, resolve_numerics
from worker.threads import SHORT_SPINS

PROMPT = [6109, 3626, 6100, 345]
"""Every effort moves you"""
TOKENS = 200
"""Of each text."""
BATCH = 8
SEED = 123
WEIGHTS_READ = 123_500_000
"""Parameters of GPT-2 small without the embeddings, of which a token reads one row."""


@dataclass(frozen=True)
class Speeds:
    """Tokens a second; NaN where it was not measured."""

    one: float
    batch: float = float("nan")
    """Of `BATCH` prompts together."""
    int8: float = float("nan")
    """Of one prompt, with the weights in 8 bits."""
    bandwidth_bound: float = float("nan")
    """What memory bandwidth allows, if each token reads the weights, as they are, once."""


def measure(implementation: str, *options: str) -> Speeds:
    environment = SHORT_SPINS if implementation == "cached" else {}
    return Speeds(
        **run_in_process("benchmarks.generating", implementation, *options, environment=environment)
    )


def baseline_speed(tokens: int, samples: int) -> Speeds:
    torch.manual_seed(SEED)
    model = BaselineGPT()
    text = (PROMPT * tokens)[: len(PROMPT) + tokens]
    drain(generate_without_cache(model, text, 1))  # warm up
    seconds = 0.0
    for sample in range(samples):
        context = text[: len(PROMPT) + int((sample + 0.5) * tokens / samples)]
        seconds += seconds_of(partial(drain, generate_without_cache(model, context, 1)))
    return Speeds(one=samples / seconds)


def cached_speeds(tokens: int, distribution: Distribution = GREEDY, rounds: int = 3) -> Speeds:
    torch.manual_seed(SEED)
    run = lecture_run()
    numerics = resolve_numerics("auto", pick_device())
    model = GPT(run.gpt, KITS[numerics]).eval()
    engine, int8_engine = fast_engine(model), fast_engine(model, int8=True)

    def generate_one(make_engine: Callable[[], Engine], count: int = tokens) -> None:
        drain(generate(model, PROMPT, count, distribution, engine=make_engine()))

    for make_engine in (engine, int8_engine):
        generate_one(make_engine, 8)
    bytes_read = WEIGHTS_READ * (2 if numerics == "bfloat16" else 4)
    one, batch, int8, bounds = [], [], [], []
    for _ in range(rounds):
        bounds.append(memory_bandwidth() / bytes_read)  # each round: others on the machine change it
        one.append(tokens / seconds_of(lambda: generate_one(engine)))
        int8.append(tokens / seconds_of(lambda: generate_one(int8_engine)))
        together = seconds_of(lambda: generate_batch(model, engine(), PROMPT, tokens, distribution))
        batch.append(BATCH * tokens / together)
    return Speeds(
        one=statistics.median(one),
        batch=statistics.median(batch),
        int8=statistics.median(int8),
        bandwidth_bound=statistics.median(bounds),
    )


@torch.inference_mode()
def generate_batch(
    model: GPT, engine: Engine, prompt: list[int], tokens: int, distribution: Distribution = GREEDY
) -> None:
    decoding = Decoding(model, [prompt] * BATCH, engine)
    generator = torch.Generator().manual_seed(SEED)
    for _ in range(tokens):
        decoding.append([sample_token(logits, distribution, generator) for logits in decoding.next_logits()])


def drain(tokens: Iterable[int]) -> None:
    for _ in tokens:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("implementation", choices=["baseline", "cached"])
    parser.add_argument("--tokens", type=int, default=TOKENS)
    parser.add_argument("--samples", type=int)
    parser.add_argument("--temperature", type=float, default=GREEDY.temperature)
    parser.add_argument("--top-k", type=int)
    parser.add_argument("--top-p", type=float)
    arguments = parser.parse_args()
    distribution = Distribution(
        temperature=arguments.temperature, top_k=arguments.top_k, top_p=arguments.top_p
    )
    if arguments.implementation == "baseline":
        speeds = baseline_speed(arguments.tokens, arguments.samples or arguments.tokens)
    else:
        speeds = cached_speeds(arguments.tokens, distribution)
    print(json.dumps(asdict(speeds)))


if __name__ == "__main__":
    main()
