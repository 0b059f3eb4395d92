"""What a job would take, as the API shows it."""

from typing import Any, Literal

from api.records.record import Record
from jobs.lifecycle.assessment import Assessment
from jobs.validation.field_errors import FieldError
from jobs.validation.quoting import cut, excerpt
from model.estimate.parameters import parameters_by_part, training_flops_per_token
from model.estimate.work import Work, evaluation_flops, training_flops, training_tokens

UNCOUNTED = "its text is so long that a worker counts its tokens, once a job uses it"
TEXTLESS = "a text that it names can't be had"
WORKERLESS = "no training worker is live, on which it would be trained"
UNTIMED = (
    "no live training worker has measured its speed yet, which it does as soon as neither a job nor any "
    "other program keeps its machine busy"
)


class ReasonRecord(Record):
    """Why a spec does not fit, as `POST /jobs` would refuse it."""

    field: str
    """Dotted path of the field."""
    message: str
    """What would be right."""
    value: Any
    """What was given; of a long value the first 200 characters."""


class BlockParametersRecord(Record):
    """Of one transformer block."""

    attention: int
    feed_forward: int
    norms: int
    """Both."""
    total: int


class ParametersRecord(Record):
    """Trainable parameters by the lecture's parts."""

    token_embedding: int
    position_embedding: int
    blocks: int
    """Transformer blocks, each of which has the parameters of `block`."""
    block: BlockParametersRecord
    final_norm: int
    head: int
    """Of the output head's own; 0 where it is the token embedding's matrix."""
    total: int
    without_head: int
    """The total without the head's own, which is how GPT-2's sizes are quoted: its head is tied."""


class TokensRecord(Record):
    train: int
    """In the text to train on."""
    validation: int
    """In the text to validate on."""
    epoch: int
    """That an epoch trains on; windows that fill no batch are dropped."""
    total: int
    """That the job trains on, all epochs together."""


class FlopsRecord(Record):
    """Floating-point operations."""

    per_token: float
    """Of a token's forward and backward pass."""
    training: float
    """Of all steps."""
    evaluation: float
    """Of all evaluations, which are forward passes."""
    formula: Literal["6 * (12 * L * C**2 + V * C) + 12 * L * C * T"] = (
        "6 * (12 * L * C**2 + V * C) + 12 * L * C * T"
    )
    """Of `per_token`, by layers L, width C, vocabulary V and context T."""
    source: Literal["Chowdhery et al. 2022, appendix B"] = "Chowdhery et al. 2022, appendix B"


class MemoryRecord(Record):
    """What the trainer holds when it holds the most."""

    device: str
    """Where it is held: the GPU (`cuda`) or this machine. Where no live worker says what it trains on, that
    which takes the most."""
    numerics: str
    """In which numerics; where no live worker says what `auto` come to, that which takes the most."""
    total_bytes: int
    runtime_bytes: int
    """Of Python and PyTorch, and the holes that making the model has left."""
    weights_bytes: int
    """Also as they were converted to be multiplied, in bfloat16."""
    gradients_bytes: int
    """Of those that are there at once."""
    optimizer_bytes: int
    activations_bytes: int
    """What the forward pass keeps for the backward pass."""
    logits_bytes: int
    """The scores of every token of the vocabulary, and their gradient."""


class TimingRecord(Record):
    """What `time_s` is the time of."""

    worker: str
    """Its id in `GET /workers`."""
    device: str
    numerics: str
    threads: int


class EstimateRecord(Record):
    """What a job would take."""

    object: Literal["estimate"] = "estimate"
    spec: dict[str, Any]
    """The spec (`JobSpec`) with every field filled in."""
    fits: bool
    """Whether `POST /jobs` would take it."""
    reasons: list[ReasonRecord]
    """Why not; empty if it fits."""
    parameters: ParametersRecord
    """Of a tokenizer that is still being trained, as many as they may become."""
    tokens: TokensRecord | None
    windows: int | None
    """Of the training text."""
    steps_per_epoch: int | None
    steps: int | None
    """Optimizer steps of the whole job, unless it stops early."""
    epochs: int | None
    """Passes over the training text that it begins."""
    evaluations: int | None
    samples: int | None
    checkpoints: int | None
    """That the spec asks for; others come by time, and of a new best loss with `early_stopping_patience`."""
    flops: FlopsRecord | None
    memory: MemoryRecord
    disk_bytes: int | None
    """Of all checkpoints that there are at once, at most."""
    time_s: float | None
    """Seconds from the first step to the end, unless it stops early, on the live worker that takes least."""
    time_on: TimingRecord | None
    """That worker."""
    unknown: dict[str, str]
    """Why each field is null that is."""


def estimate_record(assessed: Assessment) -> EstimateRecord:
    estimated, work = assessed.estimated, assessed.work
    known = {} if work is None else counts(assessed, work)
    uncounted = TEXTLESS if assessed.lacks_text else UNCOUNTED
    unknown = {
        name: untimed(assessed) if name in TIMES and work is not None else uncounted
        for name, field in EstimateRecord.model_fields.items()
        if field.is_required() and name not in ALWAYS_KNOWN and known.get(name) is None
    }
    return EstimateRecord.model_validate(
        {
            "spec": assessed.spec.model_dump(mode="json"),
            "fits": not assessed.errors,
            "reasons": [reason(error) for error in assessed.errors],
            "parameters": parameters(assessed),
            "memory": {"total_bytes": estimated.memory_bytes, **vars(estimated.memory)},
            **dict.fromkeys(unknown),
            **known,
            "unknown": unknown,
        }
    )


def untimed(assessed: Assessment) -> str:
    return UNTIMED if assessed.machines else WORKERLESS


TIMES = {"time_s", "time_on"}
ALWAYS_KNOWN = {"spec", "fits", "reasons", "parameters", "memory", "unknown"}


def counts(assessed: Assessment, work: Work) -> dict[str, Any]:
    """What follows from the tokens of the text."""
    tokens, estimated, spec = assessed.tokens, assessed.estimated, assessed.spec
    assert tokens is not None
    timing = assessed.fastest
    return {
        "tokens": {
            "train": tokens.train_tokens,
            "validation": tokens.val_tokens,
            "epoch": estimated.tokens_per_epoch,
            "total": training_tokens(spec, work),
        },
        "windows": estimated.windows,
        "steps_per_epoch": estimated.steps_per_epoch,
        "steps": work.steps,
        "epochs": work.epochs,
        "evaluations": work.evaluations,
        "samples": work.samples,
        "checkpoints": work.checkpoints,
        "flops": {
            "per_token": training_flops_per_token(spec.gpt),
            "training": training_flops(spec, work),
            "evaluation": evaluation_flops(spec, work),
        },
        "disk_bytes": estimated.checkpoints_bytes,
        "time_s": timing and timing.time_s,
        "time_on": timing and vars(timing),
    }


def reason(error: FieldError) -> dict[str, Any]:
    """As a problem of `POST /jobs` has it."""
    value = excerpt(error.value) if error.has_value else None
    return {"field": cut(error.field), "message": error.message, "value": value}


def parameters(assessed: Assessment) -> dict[str, Any]:
    config = assessed.spec.gpt
    parts = parameters_by_part(config)
    block = {
        "attention": parts["attention"] // config.n_layers,
        "feed_forward": parts["feed_forward"] // config.n_layers,
        "norms": parts["norm"] // config.n_layers,
    }
    total = sum(parts.values())
    return {
        "token_embedding": parts["tok_emb"],
        "position_embedding": parts["pos_emb"],
        "blocks": config.n_layers,
        "block": {**block, "total": sum(block.values())},
        "final_norm": parts["final_norm"],
        "head": parts["head"],
        "total": total,
        "without_head": total - parts["head"],
    }
