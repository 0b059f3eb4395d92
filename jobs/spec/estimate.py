"""What a job would take: parameters, steps and memory, by simple formulas."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from jobs.spec.job_spec import JobSpec
from jobs.spec.stored_specs import UnreadableSpec, read_spec
from jobs.store.tables import Evaluation, Job, TokenCount
from model.config import GPTConfig, TrainingConfig, parameter_count
from model.estimate import batches_per_epoch, steps_per_epoch, total_steps, window_count

STATE_BYTES_PER_PARAMETER = 16
"""float32 weight, gradient and AdamW's two moments."""


@dataclass(frozen=True)
class Estimate:
    parameters: int
    train_tokens: int
    val_tokens: int
    total_steps: int
    memory_bytes: int


def activation_bytes(config: GPTConfig, training: TrainingConfig) -> int:
    """Memory that one micro-batch's forward pass keeps for its backward pass, in float32.

    Per layer 17 vectors of the model's width a token (Korthikanti et al. 2022, section 4.1, without the
    attention weights) and what attention keeps for pairs of tokens; the logits with their gradient.
    """
    tokens = training.batch_size * config.context_length
    hidden = 17 * config.n_layers * config.emb_dim * tokens
    logits = 2 * config.vocab_size * tokens
    pairs = config.n_layers * config.n_heads * config.context_length * tokens
    return 4 * (hidden + logits) + bytes_per_pair(config, training) * pairs


def bytes_per_pair(config: GPTConfig, training: TrainingConfig) -> int:
    """Of tokens, in one head: the lecture's arithmetic keeps shares before and after dropout and its factors;
    otherwise there is a mask of two bytes for those that the causal mask leaves, which are half."""
    if training.numerics == "reference":
        return 12 if config.drop_rate else 4
    return 1 if config.drop_rate else 0


def memory_bytes(spec: JobSpec) -> int:
    config = spec.gpt
    return STATE_BYTES_PER_PARAMETER * parameter_count(config) + activation_bytes(config, spec.training)


def training_windows(spec: JobSpec, counts: TokenCount) -> int:
    context = spec.model.context_length
    return window_count(counts.train_tokens, context, spec.training.stride or context)


def steps_of_epoch(spec: JobSpec, counts: TokenCount) -> int:
    return steps_per_epoch(
        training_windows(spec, counts), spec.training.batch_size, spec.training.grad_accumulation
    )


def tokens_per_epoch(spec: JobSpec, counts: TokenCount) -> int:
    """Tokens that a whole epoch trains on; windows that fill no batch are dropped."""
    batch_size = spec.training.batch_size
    batches = batches_per_epoch(training_windows(spec, counts), batch_size)
    return batches * batch_size * spec.model.context_length


def tokens_of_epoch(session: Session, job: Job, rows: Sequence[Evaluation]) -> int:
    """Tokens that a whole epoch of a stored job trains on: by its spec and the counts of its text.

    Where a stored spec or a count can no longer be read, by what `rows` have seen by their epochs: too few
    while the first epoch runs, exact from its end on.
    """
    if (counted := counted_tokens_of_epoch(session, job)) is not None:
        return counted
    return max((-(-row.tokens_seen // row.epoch) for row in rows if row.epoch), default=1)


def counted_tokens_of_epoch(session: Session, job: Job) -> int | None:
    try:
        spec = read_spec(job.spec)
    except UnreadableSpec:
        return None
    counts = session.get(TokenCount, (job.dataset_id, spec.tokenizer, spec.training.train_ratio))
    return None if counts is None else tokens_per_epoch(spec, counts) or None


def estimate(spec: JobSpec, counts: TokenCount) -> Estimate:
    training = spec.training
    return Estimate(
        parameters=parameter_count(spec.gpt),
        train_tokens=counts.train_tokens,
        val_tokens=counts.val_tokens,
        total_steps=total_steps(
            training_windows(spec, counts),
            training.batch_size,
            training.grad_accumulation,
            training.num_epochs,
            training.max_steps,
        ),
        memory_bytes=memory_bytes(spec),
    )


def gibibytes(count: float) -> str:
    return f"{count / 2**30:,.1f} GiB"
