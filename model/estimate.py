"""What a run comes to: parameters, steps, memory and disk. Needs no torch."""

from dataclasses import dataclass

from model.config import GPTConfig, Run, TrainingConfig

FLOAT32_BYTES = 4
ADAMW_MOMENTS = 2
"""The running means of the gradient and of its square, each as large as the parameter."""
SMALL_FILES_BYTES = 256 * 1024
"""Of a checkpoint: manifest, headers and generators' states."""
TOKENIZER_BYTES_PER_TOKEN = 64
"""Of the copy of one's own tokenizer in a checkpoint, at most."""


@dataclass(frozen=True)
class Estimate:
    """What a run comes to on a text."""

    parameters: int
    windows: int
    """Of the training text."""
    steps_per_epoch: int
    tokens_per_epoch: int
    """That a whole epoch trains on; windows that fill no batch are dropped."""
    total_steps: int
    """Unless it stops early."""
    memory_bytes: int
    """While it trains."""
    checkpoints_bytes: int
    """On disk, of all checkpoints that there are at once."""


def estimate(run: Run, train_tokens: int) -> Estimate:
    """What `run` comes to on a text whose training split has `train_tokens`."""
    training, config = run.training, run.gpt
    windows = window_count(train_tokens, config.context_length, training.stride or config.context_length)
    steps = total_steps(windows, training)
    return Estimate(
        parameters=parameter_count(config),
        windows=windows,
        steps_per_epoch=steps_per_epoch(windows, training),
        tokens_per_epoch=tokens_per_epoch(run, train_tokens),
        total_steps=steps,
        memory_bytes=training_bytes(config, training),
        checkpoints_bytes=checkpoints_bytes(run, steps),
    )


def tokens_per_epoch(run: Run, train_tokens: int) -> int:
    """Tokens that a whole epoch trains on, whatever the vocabulary; windows that fill no batch are
    dropped."""
    training, context = run.training, run.model.context_length
    windows = window_count(train_tokens, context, training.stride or context)
    return batches_per_epoch(windows, training.batch_size) * training.batch_size * context


def parameter_count(config: GPTConfig) -> int:
    """Trainable parameters of the GPT that `config` describes; a tied head counts once."""
    return sum(parameters_by_part(config).values())


def parameters_by_part(config: GPTConfig) -> dict[str, int]:
    """Trainable parameters by the names of the modules in `model.gpt`; of those in blocks, in all blocks."""
    C, V, T = config.emb_dim, config.vocab_size, config.context_length
    qkv_bias = 3 * C if config.qkv_bias else 0
    return {
        "tok_emb": V * C,
        "pos_emb": T * C,
        "attention": config.n_layers * (4 * C * C + C + qkv_bias),
        "feed_forward": config.n_layers * (2 * 4 * C * C + 4 * C + C),
        "norm": config.n_layers * 2 * 2 * C,
        "final_norm": 2 * C,
        "head": 0 if config.tie_weights else V * C,
    }


def training_bytes(config: GPTConfig, training: TrainingConfig) -> int:
    """Memory of a training step: weights, gradients and AdamW's moments, all in float32, and activations."""
    copies = 1 + 1 + ADAMW_MOMENTS
    return copies * FLOAT32_BYTES * parameter_count(config) + activation_bytes(config, training)


def activation_bytes(config: GPTConfig, training: TrainingConfig) -> int:
    """Memory that one micro-batch's forward pass keeps for its backward pass, in float32.

    Per layer 17 vectors of the model's width a token (Korthikanti et al. 2022, section 4.1, without the
    attention weights) and what attention keeps for pairs of tokens; the logits with their gradient.
    """
    tokens = training.batch_size * config.context_length
    hidden = 17 * config.n_layers * config.emb_dim * tokens
    logits = 2 * config.vocab_size * tokens
    pairs = config.n_layers * config.n_heads * config.context_length * tokens
    return FLOAT32_BYTES * (hidden + logits) + bytes_per_pair(config, training) * pairs


def bytes_per_pair(config: GPTConfig, training: TrainingConfig) -> int:
    """What attention keeps for a pair of tokens, in one head.

    The lecture's arithmetic keeps its weights before and after dropout, and dropout's factors, in float32.
    Otherwise there is a dropout mask of two bytes for pairs that the causal mask leaves, which are half.
    """
    if training.numerics == "reference":
        return 3 * FLOAT32_BYTES if config.drop_rate else FLOAT32_BYTES
    return 1 if config.drop_rate else 0


def checkpoints_bytes(run: Run, total_steps: int) -> int:
    """The most that a run's checkpoints take at once: those it keeps, and the one being written. There are no
    more of them than steps."""
    config, keep = run.gpt, run.retention
    parameters = parameter_count(config)
    tokenizer_bytes = TOKENIZER_BYTES_PER_TOKEN * config.vocab_size if run.has_own_tokenizer else 0
    weights_only = FLOAT32_BYTES * parameters + SMALL_FILES_BYTES + tokenizer_bytes
    resumable = weights_only + ADAMW_MOMENTS * FLOAT32_BYTES * parameters
    n_resumable = min(keep.keep_last + 1, total_steps)
    return n_resumable * resumable + min(keep.keep_best, total_steps - n_resumable) * weights_only


def window_count(n_tokens: int, context_length: int, stride: int) -> int:
    """(input, target) windows in a text of `n_tokens`: one at every `stride` from the first token on, as long
    as `context_length` tokens and the one that follows are there."""
    return len(range(0, n_tokens - context_length, stride))


def batches_per_epoch(n_windows: int, batch_size: int) -> int:
    """Micro-batches of an epoch; windows that fill no batch are dropped."""
    return n_windows // batch_size


def steps_per_epoch(n_windows: int, training: TrainingConfig) -> int:
    """Optimizer steps of an epoch; the last takes the micro-batches that are left."""
    return -(-batches_per_epoch(n_windows, training.batch_size) // training.grad_accumulation)


def total_steps(n_windows: int, training: TrainingConfig) -> int:
    """Optimizer steps of a run that does not stop early: its epochs' or `max_steps`, whichever ends first."""
    steps = training.num_epochs * steps_per_epoch(n_windows, training)
    return steps if training.max_steps is None else min(steps, training.max_steps)
