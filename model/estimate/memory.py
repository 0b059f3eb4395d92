"""What training holds in memory when it holds the most. Needs no torch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from model.config import GPTConfig, Numerics, TrainingConfig
from model.estimate.machine import DeviceKind, Machine
from model.estimate.parameters import matrix_parameters, multiplied_parameters, parameter_count

FLOAT32_BYTES = 4
BFLOAT16_BYTES = 2
ADAMW_MOMENTS = 2
"""The running means of the gradient and of its square, each as large as the parameter."""
MUON_MOMENTS = 1
"""The running mean of the gradient."""
RUNTIME_BYTES = 356_000_000
"""Of a trainer before it has a model: Python, PyTorch and the tables of the tokenizers."""
LEFT_OVER = 0.07
"""Of the weights and the optimizer's state: the holes that their making leaves."""
COMPILER_BYTES = 75_000_000
"""Of PyTorch's compiler, once it is imported."""


@dataclass(frozen=True)
class Kept:
    """Bytes that a forward pass on the CPU keeps for its backward pass, and what holes take besides."""

    layer: int
    """For each number of a layer's input (B, T, C)."""
    holes: int
    """For each of them, what freed blocks leave between those that are kept."""
    once: int
    """For each number of the embeddings' output (B, T, C): what comes before and after the layers, and what
    is needed of one layer at a time."""
    logits: float
    """For each logit (B, T, V)."""
    pairs_once: int = 0
    """For each pair of tokens in a head, what is needed of one layer at a time."""
    blocks_once: int = 0
    """Of attention by blocks of queries (`model/layers/attention.py`), for each byte of a block's queries and
    each token in a head, what is needed of one layer at a time: weights, their gradient, and their masks."""


KEPT = {
    "reference": Kept(layer=130, holes=30, once=100, logits=20, pairs_once=12),
    "float32": Kept(layer=68, holes=18, once=32, logits=4.5, blocks_once=6),
    "bfloat16": Kept(layer=48, holes=12, once=16, logits=2.25, blocks_once=6),
}
"""By numerics. Of a layer in float32 17 numbers are kept (Korthikanti et al. 2022, section 4.1, without the
attention weights)."""
KEPT_WITHOUT_KERNELS = Kept(layer=50, holes=12, once=16, logits=9, blocks_once=6)
"""In bfloat16 where no kernel multiplies it, and operands are converted back (`model/layers/bfloat16.py`)."""
QUERY_BLOCK_BYTES = 256
"""Of a block of queries, as attention takes them."""
DROPOUT_BYTES = 6
"""Of what is kept of a layer for each number of its input: its two masks of dropout, and their holes."""


@dataclass(frozen=True)
class Memory:
    """What a trainer holds when it holds the most, by part."""

    device: DeviceKind
    numerics: str
    runtime_bytes: int
    """Of Python and PyTorch, and the holes that making the model has left."""
    weights_bytes: int
    gradients_bytes: int
    optimizer_bytes: int
    activations_bytes: int
    """What the forward pass keeps for the backward pass."""
    logits_bytes: int
    """The scores of every token of the vocabulary, and their gradient."""

    @property
    def total_bytes(self) -> int:
        return sum(size for size in vars(self).values() if isinstance(size, int))


def training_memory(config: GPTConfig, training: TrainingConfig, machines: Sequence[Machine] = ()) -> Memory:
    """Of a training step on that of `machines` where it takes most; what one has not said may be anything."""
    known = machines or [Machine()]
    return max(
        (
            memory_on(config, training, device, numerics, has_kernels)
            for machine in known
            for device, numerics, has_kernels in possibilities(machine, training.numerics)
        ),
        key=lambda memory: memory.total_bytes,
    )


def possibilities(machine: Machine, numerics: Numerics) -> Iterator[tuple[DeviceKind, str, bool]]:
    """Devices, numerics, and whether bfloat16 has kernels there, as far as they are not known."""
    devices: tuple[DeviceKind, ...] = ("cpu", "cuda") if machine.device is None else (machine.device,)
    measured = machine.calibration
    auto = ("float32", "bfloat16") if measured is None else (measured.auto,)
    for device in devices:
        for resolved in auto if numerics == "auto" else (numerics,):
            # Bfloat16 that is chosen has kernels.
            has_kernels = numerics == "auto" if measured is None else measured.has_bfloat16_kernels
            yield device, resolved, has_kernels


def memory_on(
    config: GPTConfig, training: TrainingConfig, device: DeviceKind, numerics: str, has_kernels: bool
) -> Memory:
    if device == "cuda":
        return cuda_memory(config, training, numerics)
    return cpu_memory(config, training, numerics, has_kernels)


def cuda_memory(config: GPTConfig, training: TrainingConfig, numerics: str) -> Memory:
    """Weights, gradients and moments in float32, and what one micro-batch's forward pass keeps for its
    backward pass, in float32 too.

    Per layer 17 vectors of the model's width a token (Korthikanti et al. 2022, section 4.1, without the
    attention weights) and what attention keeps for pairs of tokens; the logits with their gradient.
    """
    weights = FLOAT32_BYTES * parameter_count(config)
    tokens = training.batch_size * config.context_length
    hidden = 17 * config.n_layers * config.emb_dim * tokens
    pairs = config.n_layers * config.n_heads * config.context_length * tokens
    return Memory(
        device="cuda",
        numerics=numerics,
        runtime_bytes=0,
        weights_bytes=weights,
        gradients_bytes=weights,
        optimizer_bytes=optimizer_bytes(config, training),
        activations_bytes=FLOAT32_BYTES * hidden + bytes_per_pair(config, numerics) * pairs,
        logits_bytes=FLOAT32_BYTES * 2 * config.vocab_size * tokens,
    )


def cpu_memory(config: GPTConfig, training: TrainingConfig, numerics: str, has_kernels: bool) -> Memory:
    """What a trainer has resident at its peak: what the layers keep (`model/layers/`), and as measured
    (`make bench-estimate`) PyTorch itself and the holes that are left between blocks of memory."""
    kept = KEPT_WITHOUT_KERNELS if numerics == "bfloat16" and not has_kernels else KEPT[numerics]
    tokens = training.batch_size * config.context_length
    numbers = config.emb_dim * tokens
    pairs = config.n_heads * config.context_length * tokens
    layer = kept.layer if config.drop_rate or numerics == "reference" else kept.layer - DROPOUT_BYTES
    in_layers = config.n_layers * (layer * numbers + bytes_per_pair(config, numerics) * pairs)
    in_attention = kept.pairs_once * pairs + kept.blocks_once * QUERY_BLOCK_BYTES * config.n_heads * tokens
    runtime = RUNTIME_BYTES + (COMPILER_BYTES if imports_compiler(training) else 0)
    stored = FLOAT32_BYTES * parameter_count(config) + optimizer_bytes(config, training)
    left_over = round(LEFT_OVER * stored)
    # What is kept fills the holes that were there before.
    in_layers += max(0, kept.holes * config.n_layers * numbers - left_over)
    return Memory(
        device="cpu",
        numerics=numerics,
        runtime_bytes=runtime + left_over,
        weights_bytes=FLOAT32_BYTES * parameter_count(config) + casts_bytes(config, numerics, has_kernels),
        gradients_bytes=gradients_bytes(config, training, numerics, in_layers),
        optimizer_bytes=optimizer_bytes(config, training),
        activations_bytes=in_layers + kept.once * numbers + in_attention,
        logits_bytes=round(kept.logits * config.vocab_size * tokens),
    )


def casts_bytes(config: GPTConfig, numerics: str, has_kernels: bool) -> int:
    """Of the matrices in bfloat16, which stay until an update, and of the largest one converted back where no
    kernel multiplies it."""
    if numerics != "bfloat16":
        return 0
    largest = max(config.vocab_size * config.emb_dim, 4 * config.emb_dim**2)
    return BFLOAT16_BYTES * multiplied_parameters(config) + (0 if has_kernels else FLOAT32_BYTES * largest)


def gradients_bytes(config: GPTConfig, training: TrainingConfig, numerics: str, kept_bytes: int) -> int:
    """On the CPU, of the gradients that are there at once: all, where they are needed at once or added to by
    the next micro-batch, whose largest is then there besides, with its holes; else what the optimizer in the
    backward pass (`model/accelerate/`) leaves: those that Muon has, a tied head's, and one matrix of a block.
    The embedding's, which is added to a tied head's, and their sum are there when the layers' activations no
    longer are, and find room in about a third of what these have taken.

    kept_bytes  by the layers for the backward pass
    """
    largest = max(config.vocab_size * config.emb_dim, 4 * config.emb_dim**2)
    if training.grad_accumulation > 1:
        return FLOAT32_BYTES * (parameter_count(config) + 8 * largest // 5)
    if numerics == "reference" or training.grad_clip is not None:
        return FLOAT32_BYTES * parameter_count(config)
    muons = matrix_parameters(config) if training.optimizer == "muon" else 0
    tied_bytes = FLOAT32_BYTES * config.vocab_size * config.emb_dim if config.tie_weights else 0
    added_bytes = max(0, 9 * tied_bytes // 5 - kept_bytes // 3)
    return FLOAT32_BYTES * (muons + 4 * config.emb_dim**2) + tied_bytes + added_bytes


def imports_compiler(training: TrainingConfig) -> bool:
    """Whether the trainer imports PyTorch's compiler, which most do without (`model/optimizer.py`)."""
    return training.compile or training.optimizer == "muon"


def optimizer_bytes(config: GPTConfig, training: TrainingConfig) -> int:
    """Of the moments, in float32: AdamW's two, and one of the blocks' matrices if Muon has these."""
    by_muon = matrix_parameters(config) if training.optimizer == "muon" else 0
    by_adamw = parameter_count(config) - by_muon
    return FLOAT32_BYTES * (ADAMW_MOMENTS * by_adamw + MUON_MOMENTS * by_muon)


def bytes_per_pair(config: GPTConfig, numerics: str) -> int:
    """What attention keeps for a pair of tokens, in one head.

    The lecture's arithmetic keeps its weights before and after dropout, and dropout's factors, in float32.
    Otherwise there is a dropout mask of two bytes for pairs that the causal mask leaves, which are half.
    """
    if numerics == "reference":
        return 3 * FLOAT32_BYTES if config.drop_rate else FLOAT32_BYTES
    return 1 if config.drop_rate else 0
