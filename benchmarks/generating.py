"""How fast text is generated: one prompt, eight at once, and the lecture's way without a cache.

    python -m benchmarks.generating {plain,cached} [--tokens 200]

The model is GPT-2 small with fresh weights, whose arithmetic is that of a trained one. Prints JSON.
"""

import argparse
import json
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import torch

from benchmarks.lecture import lecture_run
from benchmarks.lecture_loop import PlainGPT, generate_plainly
from benchmarks.measuring import alone, read_rate, seconds_of
from model.decoding import Decoding
from model.generation import generate
from model.gpt import GPT
from model.numerics import pick_device, resolve_numerics
from model.packed import packed

PROMPT = [6109, 3626, 6100, 345]
"""Every effort moves you"""
AT_ONCE = 8
WEIGHTS_READ = 123_500_000
"""Of GPT-2 small, for each token: all but the embeddings."""


@dataclass(frozen=True)
class Speeds:
    """Tokens a second; NaN where it was not measured."""

    one: float
    at_once: float = float("nan")
    """Of all prompts together."""
    ceiling: float = float("nan")
    """What reading the weights once for each token allows."""


def measure(who: str, tokens: int) -> Speeds:
    return Speeds(**alone("benchmarks.generating", who, "--tokens", str(tokens), tuned=who != "plain"))


def plain_speed(tokens: int) -> Speeds:
    torch.manual_seed(123)
    model = PlainGPT()
    return Speeds(one=tokens / seconds_of(lambda: drain(generate_plainly(model, PROMPT, tokens))))


def cached_speeds(tokens: int, rounds: int = 3) -> Speeds:
    torch.manual_seed(123)
    run = lecture_run()
    numerics = resolve_numerics("auto", pick_device())
    model = packed(GPT(run.model, numerics).eval())
    drain(generate(model, PROMPT, 8))
    bytes_read = WEIGHTS_READ * (2 if numerics == "bfloat16" else 4)
    one, at_once, ceilings = [], [], []
    for _ in range(rounds):
        ceilings.append(read_rate() / bytes_read)  # each time: neighbours change it by half within minutes
        one.append(tokens / seconds_of(lambda: drain(generate(model, PROMPT, tokens))))
        at_once.append(AT_ONCE * tokens / seconds_of(lambda: generate_side_by_side(model, PROMPT, tokens)))
    return Speeds(
        one=statistics.median(one),
        at_once=statistics.median(at_once),
        ceiling=statistics.median(ceilings),
    )


@torch.inference_mode()
def generate_side_by_side(model: GPT, prompt: list[int], tokens: int) -> None:
    decoding = Decoding(model, [prompt] * AT_ONCE)
    for _ in range(tokens):
        decoding.append(decoding.next_logits().argmax(dim=-1).tolist())


def drain(tokens: Iterable[int]) -> None:
    for _ in tokens:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("who", choices=["plain", "cached"])
    parser.add_argument("--tokens", type=int, default=200)
    arguments = parser.parse_args()
    speeds = plain_speed(arguments.tokens) if arguments.who == "plain" else cached_speeds(arguments.tokens)
    print(json.dumps(asdict(speeds)))


if __name__ == "__main__":
    main()
