"""Trains one tokenizer, in a process of its own, and measures it on the start of its own text."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from jobs.lifecycle.tokenizers import TrainedFacts
from jobs.settings import Settings
from model.storage.splits import DOCUMENT_END, TextFile, read_splits
from model.tokenizers import Tokenizer, load_own, load_tokenizer
from worker.preparation.work_process import OnProgress, Work, run_process

MEASURED_BYTES = 8 * 2**20
"""Of the start of a text, that its tokenizer is measured on, beside GPT-2's: some seconds of work."""
MEASURED_CHUNK_BYTES = 2**18
READ_SHARE = 0.9
"""Of the whole work that is done once the text is read: merging and measuring take the rest."""


@dataclass(frozen=True)
class Trained:
    content: bytes
    """The `tokenizer.json`."""
    facts: TrainedFacts


def train_tokenizer(
    settings: Settings, name: str, text: TextFile, vocab_size: int, on_progress: OnProgress
) -> Trained:
    """
    name         the id of the tokenizer
    on_progress  called again and again with the share that is done, as long as the work gets on; may raise
    raises       ProcessLost, OSError
    """
    content = run_process(
        settings,
        training_work(settings, text, vocab_size),
        lambda share: on_progress(READ_SHARE * share),
    )
    get_on = partial(on_progress, READ_SHARE)
    tokenizer = load_own(name, content)
    get_on()
    of_gpt2 = load_tokenizer("gpt2")
    get_on()
    measured_bytes, measured_tokens, measured_gpt2_tokens = measure(text, tokenizer, of_gpt2, get_on)
    facts = TrainedFacts(
        vocab_size=tokenizer.vocab_size,
        sha256=tokenizer.sha256,
        measured_bytes=measured_bytes,
        measured_tokens=measured_tokens,
        measured_gpt2_tokens=measured_gpt2_tokens,
    )
    return Trained(content, facts)


def training_work(settings: Settings, text: TextFile, vocab_size: int) -> Work:
    """raises  OSError if the text is not there"""
    threads = settings.threads or os.cpu_count() or 1
    return Work(
        module="worker.preparation.bpe_process",
        arguments=[text.path, text.start_bytes, vocab_size],
        total=text.path.stat().st_size,
        deed="trained it",
        environment={"RAYON_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "true"},
    )


def measure(
    text: TextFile, tokenizer: Tokenizer, other: Tokenizer, on_chunk: Callable[[], object]
) -> tuple[int, int, int]:
    """Bytes of the start of a text, and of them the tokens of two tokenizers, without the ends of
    documents."""
    measured = tokens = other_tokens = 0
    for _, chunk in read_splits(text, 0.9, tokenizer.last_boundary, MEASURED_CHUNK_BYTES):
        for document in chunk.split(DOCUMENT_END):
            measured += len(document.encode())
            tokens += len(tokenizer.encode(document))
            other_tokens += len(other.encode(document))
        on_chunk()
        if measured >= MEASURED_BYTES:
            break
    return measured, tokens, other_tokens
