"""Tokenising a large text: the trainer's token file against the baseline, one tiktoken call on the whole.

    python -m benchmarks.tokenising [--megabytes 100] [--rounds 3]

Makes a text like English, then takes turns, each in a process of its own: read the file and encode it in one
call (`encode_ordinary`); scan the file and write its tokens chunk by chunk, synced. Prints the medians,
their ratio, the peak memory of each and whether the tokens are equal; the exit status is 1 if a goal is
missed.
"""

import argparse
import hashlib
import json
import os
import random
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import resources
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import tiktoken
from tiktoken_ext.openai_public import r50k_pat_str

from benchmarks.measuring import peak_memory_bytes, run_in_process
from model.storage.splits import scan_text
from model.storage.stored_ids import TokenFile
from model.storage.token_file import read_manifest, write_tokens
from model.tokenizers import gpt2_ranks, load_tokenizer

TRAIN_RATIO = 1.0
"""All of it, so that the tokens can be compared with those of one call."""
SPEED_GOAL = 1.7
PEAK_GOAL_BYTES = 1.5e9
HASHED_TOKENS = 2**20

SYLLABLES = (
    "con",
    "ter",
    "ing",
    "men",
    "pro",
    "com",
    "re",
    "de",
    "ex",
    "in",
    "able",
    "tion",
    "ly",
    "er",
    "un",
)
VOCABULARY = 50_000
SEED = 123


@dataclass(frozen=True)
class Measurement:
    """Of one process."""

    seconds: float
    peak_bytes: int
    tokens: int
    tokens_sha256: str


@dataclass(frozen=True)
class Tokenising:
    """Medians over the rounds, peaks of all of them."""

    text_bytes: int
    tokens: int
    one_call_s: float
    prepared_s: float
    one_call_peak_bytes: int
    prepared_peak_bytes: int
    tokens_are_equal: bool

    @property
    def ratio(self) -> float:
        """How many times faster than one call the preparation is."""
        return self.one_call_s / self.prepared_s

    @property
    def meets_goals(self) -> bool:
        return (
            self.tokens_are_equal and self.ratio >= SPEED_GOAL and self.prepared_peak_bytes < PEAK_GOAL_BYTES
        )


def write_text(path: Path, size_bytes: int, seed: int = SEED) -> None:
    """About `size_bytes` of sentences, lines and paragraphs: the words of the built-in `sample`, then made-up
    ones, as often as Zipf's law says; numbers, names, contractions, punctuation."""
    rng = random.Random(seed)
    sample = resources.files("jobs.files").joinpath("texts", "sample.txt").read_text()
    words = [word for word, _ in Counter(re.findall(r"[a-z]+", sample)).most_common()]
    while len(words) < VOCABULARY:
        words.append("".join(rng.choices(SYLLABLES, k=rng.randint(2, 4))))
    weights = list(accumulate(1 / rank for rank in range(1, VOCABULARY + 1)))
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < size_bytes:
            # A chapter at a time: drawing is slower than encoding.
            chapter = " ".join(sentence(rng, words, weights) for _ in range(2000))
            for _ in range(20):
                start = rng.randrange(len(chapter) // 2)
                file.write(chapter[chapter.index(" ", start) + 1 :])
                file.write("\n\n")


def sentence(rng: random.Random, words: list[str], weights: list[float]) -> str:
    chosen = rng.choices(words, cum_weights=weights, k=rng.randint(4, 24))
    chosen[0] = chosen[0].capitalize()
    place = rng.randrange(len(chosen))
    match rng.randrange(8):
        case 0:
            chosen[place] += ","
        case 1:
            chosen[place] = str(rng.randint(0, 2100))
        case 2:
            chosen[place] += rng.choice(["'s", "n't", "'ll", "'ve"])
        case 3:
            chosen[place] = f'"{chosen[place]}"'
        case 4:
            chosen[place] = chosen[place].capitalize() + " —"
    return " ".join(chosen) + rng.choice([".", ".", ".", "?", "!", ".\n", ";"])


def time_one_call(text: Path) -> Measurement:
    """Read the text and encode it in one call, by the pattern of `tiktoken.get_encoding("gpt2")`."""
    encoding = tiktoken.Encoding(
        "gpt2", pat_str=r50k_pat_str, mergeable_ranks=gpt2_ranks(), special_tokens={}
    )
    started = time.perf_counter()
    tokens = encoding.encode_ordinary(text.read_bytes().decode())
    return measurement_since(started, tokens.__getitem__, len(tokens))


def time_prepared(text: Path) -> Measurement:
    """Write the text's token file beside it, as a trainer does."""
    tokenizer = load_tokenizer("gpt2")
    path = text.with_suffix(".tokens")
    started = time.perf_counter()
    write_tokens(scan_text(text), path, tokenizer, TRAIN_RATIO, threads=os.cpu_count() or 1)
    ids = TokenFile(path, read_manifest(path)).train
    return measurement_since(started, ids.__getitem__, len(ids))


IMPLEMENTATIONS: dict[str, Callable[[Path], Measurement]] = {
    "one-call": time_one_call,
    "prepared": time_prepared,
}


def measurement_since(started: float, read: Callable[[slice], Any], tokens: int) -> Measurement:
    seconds = time.perf_counter() - started
    peak_bytes = peak_memory_bytes()
    sha256 = hashlib.sha256()
    for start in range(0, tokens, HASHED_TOKENS):
        sha256.update(np.asarray(read(slice(start, start + HASHED_TOKENS)), np.int64).data)
    return Measurement(seconds, peak_bytes, tokens, sha256.hexdigest())


def measure(implementation: str, text: Path) -> Measurement:
    return Measurement(
        **run_in_process(
            "benchmarks.tokenising", "--alone", implementation, "--text", str(text), environment={}
        )
    )


def compare(megabytes: float, rounds: int) -> Tokenising:
    """Measure each implementation `rounds` times on a text of `megabytes` (10**6 bytes)."""
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text.txt"
        write_text(text, int(megabytes * 1e6))
        measurements: dict[str, list[Measurement]] = {name: [] for name in IMPLEMENTATIONS}
        for _ in range(rounds):
            for name, taken in measurements.items():
                taken.append(measure(name, text))
        one_call, prepared = measurements["one-call"], measurements["prepared"]
        return Tokenising(
            text_bytes=text.stat().st_size,
            tokens=one_call[0].tokens,
            one_call_s=statistics.median(one.seconds for one in one_call),
            prepared_s=statistics.median(one.seconds for one in prepared),
            one_call_peak_bytes=max(one.peak_bytes for one in one_call),
            prepared_peak_bytes=max(one.peak_bytes for one in prepared),
            tokens_are_equal=len({one.tokens_sha256 for one in [*one_call, *prepared]}) == 1,
        )


def report(measured: Tokenising) -> Iterator[str]:
    yield f"{measured.text_bytes / 1e6:.0f} MB of text, {measured.tokens:,} tokens, {os.cpu_count()} cores"
    yield ""
    yield "| | one call | prepared |"
    yield "| --- | ---: | ---: |"
    yield f"| seconds, median | {measured.one_call_s:.1f} | {measured.prepared_s:.1f} |"
    peaks = (measured.one_call_peak_bytes, measured.prepared_peak_bytes)
    yield f"| peak memory, MB | {peaks[0] / 1e6:.0f} | {peaks[1] / 1e6:.0f} |"
    yield ""
    yield f"{measured.ratio:.2f} times faster (goal {SPEED_GOAL}); equal tokens: " + (
        "yes" if measured.tokens_are_equal else "no"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", choices=IMPLEMENTATIONS, help="measure once, in this process")
    parser.add_argument("--text", type=Path, help="the text for --alone")
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(asdict(IMPLEMENTATIONS[options.alone](options.text))))
        return
    measured = compare(options.megabytes, options.rounds)
    print("\n".join(report(measured)))
    sys.exit(not measured.meets_goals)


if __name__ == "__main__":
    main()
