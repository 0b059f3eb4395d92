"""What a run's checkpoints take on disk. Needs no torch."""

from model.config import Run
from model.estimate.memory import FLOAT32_BYTES, optimizer_bytes
from model.estimate.parameters import parameter_count

SMALL_FILES_BYTES = 256 * 1024
"""Of a checkpoint: manifest, headers and generators' states."""
TOKENIZER_BYTES_PER_TOKEN = 64
"""Of the copy of one's own tokenizer in a checkpoint, at most."""


def checkpoints_bytes(run: Run, total_steps: int) -> int:
    """The most that a run's checkpoints take at once: those it keeps, and the one being written. There are no
    more of them than steps."""
    config, keep = run.gpt, run.retention
    parameters = parameter_count(config)
    tokenizer_bytes = TOKENIZER_BYTES_PER_TOKEN * config.vocab_size if run.has_own_tokenizer else 0
    weights_only = FLOAT32_BYTES * parameters + SMALL_FILES_BYTES + tokenizer_bytes
    resumable = weights_only + optimizer_bytes(config, run.training)
    n_resumable = min(keep.keep_last + 1, total_steps)
    return n_resumable * resumable + min(keep.keep_best, total_steps - n_resumable) * weights_only
