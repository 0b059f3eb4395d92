"""How fast text is generated: one prompt, eight at once, and the lecture's way without a cache.

    python -m benchmarks.generating {plain,cached} [--tokens 200] [--temperature 1] [--top-k 25] [--top-p 0.9]
                                    [--looks 20]

The model is GPT-2 small with fresh weights, whose arithmetic is that of a trained one. The likeliest token is
taken, or with a cache one drawn as the options say. Without a cache, whose tokens take the longer the more
come before them, `--looks` computes that many of the text's tokens only, evenly spread. Prints JSON.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

import torch

from benchmarks.lecture import lecture_run
from benchmarks.lecture_loop import PlainGPT, generate_plainly
from benchmarks.measuring import alone, read_rate, seconds_of
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
AT_ONCE = 8
SEED = 123
WEIGHTS_READ = 123_500_000
"""Of GPT-2 small, for each token: all but the embeddings."""


@dataclass(frozen=True)
class Speeds:
    """Tokens a second; NaN where it was not measured."""

    one: float
    at_once: float = float("nan")
    """Of all prompts together."""
    int8: float = float("nan")
    """Of one prompt, with the weights in 8 bits."""
    ceiling: float = float("nan")
    """What reading the weights once for each token allows, as they are."""


def measure(who: str, *options: str) -> Speeds:
    settings = SHORT_SPINS if who == "cached" else {}
    return Speeds(**alone("benchmarks.generating", who, *options, settings=settings))


def plain_speed(tokens: int, looks: int) -> Speeds:
    torch.manual_seed(SEED)
    model = PlainGPT()
    text = (PROMPT * tokens)[: len(PROMPT) + tokens]
    drain(generate_plainly(model, text, 1))  # the first pass sets things up
    seconds = 0.0
    for look in range(looks):
        before = text[: len(PROMPT) + int((look + 0.5) * tokens / looks)]
        seconds += seconds_of(lambda ids=before: drain(generate_plainly(model, ids, 1)))
    return Speeds(one=looks / seconds)


def cached_speeds(tokens: int, distribution: Distribution = GREEDY, rounds: int = 3) -> Speeds:
    torch.manual_seed(SEED)
    run = lecture_run()
    numerics = resolve_numerics("auto", pick_device())
    model = GPT(run.gpt, KITS[numerics]).eval()
    engine, in_8_bits = fast_engine(model), fast_engine(model, int8=True)

    def alone(make_engine: Callable[[], Engine], count: int = tokens) -> None:
        drain(generate(model, PROMPT, count, distribution, engine=make_engine()))

    for make_engine in (engine, in_8_bits):
        alone(make_engine, 8)
    bytes_read = WEIGHTS_READ * (2 if numerics == "bfloat16" else 4)
    one, at_once, int8, ceilings = [], [], [], []
    for _ in range(rounds):
        ceilings.append(read_rate() / bytes_read)  # each time: neighbours change it by half within minutes
        one.append(tokens / seconds_of(lambda: alone(engine)))
        int8.append(tokens / seconds_of(lambda: alone(in_8_bits)))
        together = seconds_of(lambda: generate_side_by_side(model, engine(), PROMPT, tokens, distribution))
        at_once.append(AT_ONCE * tokens / together)
    return Speeds(
        one=statistics.median(one),
        at_once=statistics.median(at_once),
        int8=statistics.median(int8),
        ceiling=statistics.median(ceilings),
    )


@torch.inference_mode()
def generate_side_by_side(
    model: GPT, engine: Engine, prompt: list[int], tokens: int, distribution: Distribution = GREEDY
) -> None:
    decoding = Decoding(model, [prompt] * AT_ONCE, engine)
    generator = torch.Generator().manual_seed(SEED)
    for _ in range(tokens):
        decoding.append([sample_token(row, distribution, generator) for row in decoding.next_logits()])


def drain(tokens: Iterable[int]) -> None:
    for _ in tokens:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("who", choices=["plain", "cached"])
    parser.add_argument("--tokens", type=int, default=TOKENS)
    parser.add_argument("--looks", type=int)
    parser.add_argument("--temperature", type=float, default=GREEDY.temperature)
    parser.add_argument("--top-k", type=int)
    parser.add_argument("--top-p", type=float)
    arguments = parser.parse_args()
    distribution = Distribution(
        temperature=arguments.temperature, top_k=arguments.top_k, top_p=arguments.top_p
    )
    if arguments.who == "plain":
        speeds = plain_speed(arguments.tokens, arguments.looks or arguments.tokens)
    else:
        speeds = cached_speeds(arguments.tokens, distribution)
    print(json.dumps(asdict(speeds)))


if __name__ == "__main__":
    main()
