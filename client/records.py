"""What the service answers with, and what a job's spec may have, as types.

Made from the API's description by `make docs`: change the records in `api/records/`, not these. They are
dictionaries at run time, decoded JSON as it came; a service of another version may send more fields or fewer.
"""

from typing import Any, Literal, TypedDict


class AlertRule(TypedDict, total=False):
    """A rule, and what is done when it holds."""

    when: str
    """A metric of the evaluations (`train_loss`, `val_loss`, `val_bpb`, `grad_norm`, `learning_rate`,
    `tokens_per_s`, `evaluations_since_best`), `>`, `>=`, `<` or `<=`, and a number; with `for 3` it must
    hold at so many evaluations in a row. It fires once, and again only after an evaluation at which it
    did not hold."""
    do: Literal["notify", "pause", "finish"]
    """`notify`: an event `alert`, which webhooks are told of. `pause` and `finish`: also as `POST
    /jobs/<id>/pause` and `/finish` do. Default: notify."""


class CheckpointConfig(TypedDict, total=False):
    """When checkpoints are written and which are kept. One is always written at the end, and one whenever
    `PRETRAIN_CHECKPOINT_S` of training have gone by without."""

    every_epochs: int | None
    """Epochs between checkpoints; null for none by epoch. Default: 1."""
    every_steps: int | None
    """Steps between checkpoints; null for none by step. Default: null."""
    keep_last: int
    """Newest checkpoints to keep, with all that resuming needs. Default: 1."""
    keep_best: int
    """Checkpoints of lowest validation loss to keep; with `training.early_stopping_patience` at least one
    is kept. Default: 1."""


class EvaluationConfig(TypedDict, total=False):
    """When and how both losses are measured."""

    eval_freq: int
    """Steps between evaluations; the first follows step 0, and the last step is always evaluated.
    Default: the lecture's."""
    eval_iter: int | None
    """Batches of each split in an evaluation, at most; null takes all of both. Default: the lecture's."""


class ModelConfig(TypedDict, total=False):
    """The shape of the GPT. The vocabulary's size is not here: it follows from the tokenizer."""

    context_length: int
    """Tokens that the model sees at once. Default: the lecture's 256 (GPT-2 has 1,024)."""
    emb_dim: int
    """Width of the residual stream; a multiple of `n_heads`. Default: GPT-2 small's."""
    n_heads: int
    """Attention heads of each block. Default: GPT-2 small's."""
    n_layers: int
    """Transformer blocks. Default: GPT-2 small's."""
    drop_rate: float
    """Dropout probability, for embeddings, attention weights and both residual connections. Default:
    GPT-2's."""
    qkv_bias: bool
    """Whether the query, key and value projections have a bias. Default: the lecture's (GPT-2 has
    one)."""
    tie_weights: bool
    """Whether the output head is the token embedding's matrix. Default: the lecture's (GPT-2 ties
    them)."""
    initialization: Literal["pytorch", "gpt2"] | None
    """`pytorch`: PyTorch's defaults, drawn in the lecture's order of modules. `gpt2`: GPT-2's scheme,
    normal weights of standard deviation 0.02 (Radford et al. 2019). Default: null, which is filled in:
    `gpt2` where the head is tied, as PyTorch's N(0, 1) embedding would be the output matrix too and start
    at a loss in the hundreds, else `pytorch`, the lecture's."""


class SamplingConfig(TypedDict, total=False):
    """The text samples, of every epoch unless said otherwise."""

    start_context: str | list[str]
    """The prompt, or up to 8 of them, each continued as if it were the only one. Default: the
    lecture's."""
    every_epochs: int | None
    """Epochs between samples; null for none by epoch. One is always written at the end. Default: the
    lecture's."""
    every_steps: int | None
    """Steps between samples; null for none by step. Default: the lecture's (null)."""
    max_new_tokens: int
    """Tokens to generate. Default: the lecture's."""
    temperature: float
    """0 takes the likeliest token; above, logits are divided by it and a token is drawn. Default: the
    lecture's 0."""
    top_k: int | None
    """Draw among the k likeliest tokens only. Default: null, all of them."""
    top_p: float | None
    """Draw among the fewest likeliest tokens whose probabilities reach this sum (Holtzman et al. 2020).
    Default: null, all of them."""


class StartFrom(TypedDict, total=False):
    """A job's checkpoint, `{"job": ID, "checkpoint": "last"}`, or a model from outside, `{"model":
    ID}`."""

    job: str | None
    """The id of the job."""
    checkpoint: Literal["last", "best"] | int | None
    """`last`, `best` or the step of the job's checkpoint. Default: null, which is last."""
    model: str | None
    """The id of a model from outside, in place of a job's."""


class TrainingConfig(TypedDict, total=False):
    """How the model learns."""

    num_epochs: int
    """Passes over the training text. Default: the lecture's."""
    max_steps: int | None
    """Stop after this many optimizer steps, if the epochs have not ended before. Default: no limit."""
    batch_size: int
    """Windows in a micro-batch. Default: the lecture's."""
    grad_accumulation: int
    """Micro-batches whose gradients are averaged into one optimizer step. The last step of an epoch takes
    those that are left. Default: the lecture's (none)."""
    stride: int | None
    """Tokens between the starts of two neighbouring windows; null means `context_length`, so that windows
    tile the text. Default: the lecture's."""
    train_ratio: float | None
    """Share of the text's characters, from its start, to train on; the rest validates. Null, which is
    filled in, where there is a `validation_dataset`: all of the text is trained on. Default: the
    lecture's."""
    optimizer: Literal["adamw", "muon"]
    """`adamw` (Loshchilov and Hutter 2019), or `muon` (Jordan et al. 2024) for the matrices of the blocks
    and AdamW for the rest. Default: the lecture's."""
    learning_rate: float
    """Peak learning rate. Default: the lecture's."""
    weight_decay: float
    """Decoupled weight decay, on every parameter. Default: the lecture's."""
    betas: list[float]
    """AdamW's decay rates of the first and the second moment. Default: PyTorch's, as in the lecture."""
    lr_schedule: Literal["constant", "linear", "cosine"]
    """`constant`, `linear` or `cosine` decay from `learning_rate` to `min_learning_rate` after the
    warm-up. Default: the lecture's."""
    warmup_steps: int
    """Steps over which the rate rises linearly to `learning_rate`, at most those of the job. Default: the
    lecture's (none)."""
    min_learning_rate: float
    """What `linear` and `cosine` approach: the step after the last would have it. At most
    `learning_rate`. Default: 0."""
    grad_clip: float | None
    """Global gradient-norm clip: the greatest L2 norm of all gradients together; null does not clip.
    Default: the lecture's (null)."""
    numerics: Literal["auto", "reference", "float32", "bfloat16"]
    """`reference`: float32 and the lecture's own arithmetic and random draws, to the digit. `float32` and
    `bfloat16`: the same mathematics, computed fast (`float32` on a GPU by TF32, 10 bits of precision).
    `auto`: bfloat16 where the device has arithmetic for it, else float32. Default: auto."""
    compile: bool
    """Whether to compile the loss with `torch.compile`: the first step takes up to a minute longer, those
    after it less time on a GPU, so that it pays there for jobs of more than a thousand steps. Not with
    the numerics `reference`; the worker needs a C++ compiler. Default: no."""
    seed: int
    """Seeds the weights, the dropout and the epochs' order. Default: the lecture's."""
    early_stopping_patience: int | None
    """Stop after this many evaluations in a row without a new lowest validation loss; null never stops
    early. With it, the weights of every evaluation of a new lowest validation loss are a checkpoint.
    Default: the lecture's (null)."""


class JobSpec(TypedDict, total=False):
    """A training job. `{}` is the lecture's job: GPT-2 small on a short story, ten epochs."""

    name: str | None
    """A label of your own. Default: none."""
    preset: Literal["lecture", "gpt2-small", "gpt2-medium", "gpt2-large", "gpt2-xl", "tiny"]
    """Starting point for the fields that are not given. Default: lecture."""
    dataset: str
    """A built-in data set (`the-verdict`, `sample`) or the id of one of your own. Default: the
    lecture's."""
    validation_dataset: str | None
    """A data set, named likewise, to validate on: all of `dataset` is trained on then. Default: null,
    which validates on the rest of `dataset` behind `training.train_ratio`."""
    start_from: StartFrom | None
    """Weights to start from in place of drawn ones: `{"job": ID, "checkpoint": "last", "best" or a
    step}`, or `{"model": ID}` for a model from outside. `model` and `tokenizer` are theirs where they are
    not given; only `drop_rate` may differ, and `context_length` be smaller. The optimizer and the step
    start anew. Default: none."""
    tokenizer: str
    """`gpt2` (50,257 tokens), `bytes` (257), or the id of one of your own (`POST /tokenizers`), which may
    still be in training. Default: the lecture's."""
    model: ModelConfig
    training: TrainingConfig
    evaluation: EvaluationConfig
    sampling: SamplingConfig
    checkpoints: CheckpointConfig
    devices: Literal[1]
    """Devices to train on. Default: 1, and more are not supported yet."""
    queue: Literal["train"]
    """The queue whose workers may take the job. Default: train, and others are not supported yet."""
    priority: int
    """Jobs of a higher priority are taken first. Default: 0."""
    max_attempts: int
    """Crashes in a row, without a new checkpoint between them, after which the job fails. Default: 3."""
    alerts: list[AlertRule]
    """Rules that are checked at every evaluation, and what is done when one holds: `{"when": "val_loss >
    7 for 3", "do": "notify"}`. Default: none."""
    metadata: dict[str, str]
    """Up to 32 labels of your own, text to text. Default: none."""


class JobChanges(TypedDict, total=False):
    """Fields of a job to change. Those that are not given stay; null puts a field back to its default."""

    name: str | None
    """A label of your own; `spec.name` follows. Default: none."""
    notes: str | None
    """Markdown. Default: none."""
    tags: list[str] | None
    """All its tags, in place of those before; each counts once. Default: none."""
    starred: bool | None
    """Whether it is one of those to come back to. Default: false."""
    archived: bool | None
    """Whether it is put away: `GET /jobs` leaves it out unless asked. It runs on all the same. Default:
    false."""
    priority: int | None
    """Jobs of a higher priority are taken first; `spec.priority` follows. While it is queued or paused
    only. Default: 0."""


class Best(TypedDict):
    val_loss: float
    """Nats per token."""
    val_bpb: float | None
    """The same in bits per byte."""
    step: int
    """The evaluation's step."""


class JobError(TypedDict):
    type: Literal[
        "out_of_memory", "diverged", "disk_full", "bad_dataset", "worker_lost", "stalled", "internal"
    ]
    message: str
    attempt: int
    """The attempt that failed."""
    retryable: bool
    """Whether another attempt may succeed."""


class Latest(TypedDict):
    train_loss: float
    """Nats per token."""
    val_loss: float
    """Nats per token."""
    val_bpb: float | None
    """The same in bits per byte."""
    step: int
    """The evaluation's step."""


class ParentModel(TypedDict):
    """The model from outside that a job starts from."""

    model: str
    """Its id; it may have been deleted since."""


class ParentJob(TypedDict):
    """The checkpoint that a job starts from."""

    job: str
    """The id of its job, which may have been deleted since."""
    checkpoint: int
    """Its step."""


class Progress(TypedDict):
    epoch: int
    """The running epoch, from 1; 0 before the first."""
    step: int
    """Optimizer steps done."""
    total_steps: int | None
    """Optimizer steps of the whole job, unless it stops early; null until its text is prepared."""
    tokens_seen: int
    """Tokens trained on, all epochs together."""
    fraction: float
    """`step` of `total_steps`."""
    tokens_per_s: float | None
    """Tokens trained on in a second, lately."""
    remaining_s: float | None
    """Seconds to the job's end unless it stops early, estimated from what its steps, evaluations, samples
    and checkpoints have taken so far; null unless it runs, and until enough of them have been
    measured."""


Status = Literal["queued", "running", "paused", "succeeded", "failed", "cancelled"]


class Job(TypedDict):
    """A training job."""

    id: str
    object: Literal["job"]
    name: str | None
    notes: str | None
    """Markdown; null if there are none."""
    tags: list[str]
    starred: bool
    archived: bool
    """Whether it is put away: `GET /jobs` leaves it out unless asked."""
    owner: str | None
    """Whose it is: the owner of the token that it was made with. Null if none was needed: everybody sees
    it, and administrators change it."""
    shared: bool
    """Whether others than its owner and administrators see it."""
    status: Status
    stopping: Literal["cancel", "pause", "finish"] | None
    """What has been requested and has not happened yet. `finish` stays while the job waits for another
    attempt, which then ends it."""
    spec: JobSpec
    """The job's spec (`JobSpec`) with every field filled in."""
    progress: Progress
    latest: Latest | None
    """The newest evaluation; null before the first."""
    best: Best | None
    """The evaluation of lowest validation loss; null before the first."""
    attempt: int
    """How often a worker has claimed the job."""
    failures: int
    """Crashes since the last new checkpoint."""
    numerics: str | None
    """The numerics that `training.numerics` resolved to; null before its first attempt has begun."""
    threads: int | None
    """CPU threads of its trainer; null before its first attempt has begun."""
    parent: ParentJob | ParentModel | None
    """What this job starts from in place of drawn weights: the checkpoint that it was forked from, before
    which losses and samples are the parent's, or what its `start_from` was when it was posted."""
    dataset_sha256: str
    """SHA-256 of the text's bytes."""
    disk_bytes: int
    """Size of the job's files: its checkpoints, and the one that it was forked from until it ends (which
    is a link to the parent's, and takes no space while that is there)."""
    parameters: int
    """Trainable parameters of the model; while its tokenizer is being trained, as many as they may
    become."""
    device: str | None
    """Where it trains; null before its first attempt has begun."""
    error: JobError | None
    """Why it failed or was paused by the service."""
    ended_by: Literal["epochs", "max_steps", "early_stopping", "finish"] | None
    """What ended it: `epochs`, `max_steps`, `early_stopping` or `finish`, a person's request; null until
    it has succeeded."""
    queue_position: int | None
    """Its place in its queue, from 1; null unless it is queued."""
    waiting_for: str | None
    """Why it does not run yet, in words: its data set is being prepared or its tokenizer trained, no live
    worker, none with enough memory, jobs before it; null if an idle worker is about to take it, and
    unless it is queued."""
    created_at: str
    started_at: str | None
    """When it was first claimed."""
    finished_at: str | None
    metadata: dict[str, str]


class Flops(TypedDict):
    """Floating-point operations."""

    per_token: float
    """Of a token's forward and backward pass."""
    training: float
    """Of all steps."""
    evaluation: float
    """Of all evaluations, which are forward passes."""
    formula: Literal["6 * (12 * L * C**2 + V * C) + 12 * L * C * T"]
    """Of `per_token`, by layers L, width C, vocabulary V and context T."""
    source: Literal["Chowdhery et al. 2022, appendix B"]


class Memory(TypedDict):
    """What the trainer holds when it holds the most."""

    device: str
    """Where it is held: the GPU (`cuda`) or this machine. Where no live worker says what it trains on,
    that which takes the most."""
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


class BlockParameters(TypedDict):
    """Of one transformer block."""

    attention: int
    feed_forward: int
    norms: int
    """Both."""
    total: int


class Parameters(TypedDict):
    """Trainable parameters by the lecture's parts."""

    token_embedding: int
    position_embedding: int
    blocks: int
    """Transformer blocks, each of which has the parameters of `block`."""
    block: BlockParameters
    final_norm: int
    head: int
    """Of the output head's own; 0 where it is the token embedding's matrix."""
    total: int
    without_head: int
    """The total without the head's own, which is how GPT-2's sizes are quoted: its head is tied."""


class Reason(TypedDict):
    """Why a spec does not fit, as `POST /jobs` would refuse it."""

    field: str
    """Dotted path of the field."""
    message: str
    """What would be right."""
    value: Any
    """What was given; of a long value the first 200 characters."""


class Timing(TypedDict):
    """What `time_s` is the time of."""

    worker: str
    """Its id in `GET /workers`."""
    device: str
    numerics: str
    threads: int


class TokensOfText(TypedDict):
    train: int
    """In the text to train on."""
    validation: int
    """In the text to validate on."""
    epoch: int
    """That an epoch trains on; windows that fill no batch are dropped."""
    total: int
    """That the job trains on, all epochs together."""


class Estimate(TypedDict):
    """What a job would take."""

    object: Literal["estimate"]
    spec: JobSpec
    """The spec (`JobSpec`) with every field filled in."""
    fits: bool
    """Whether `POST /jobs` would take it."""
    reasons: list[Reason]
    """Why not; empty if it fits."""
    parameters: Parameters
    """Of a tokenizer that is still being trained, as many as they may become."""
    tokens: TokensOfText | None
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
    """That the spec asks for; others come by time, and of a new best loss with
    `early_stopping_patience`."""
    flops: Flops | None
    memory: Memory
    disk_bytes: int | None
    """Of all checkpoints that there are at once, at most."""
    time_s: float | None
    """Seconds from the first step to the end, unless it stops early, on the live worker that takes
    least."""
    time_on: Timing | None
    """That worker."""
    unknown: dict[str, str]
    """Why each field is null that is."""


class Loss(TypedDict):
    """An evaluation."""

    step: int
    """The 0-based number of the update just made."""
    epoch: int
    """From 1."""
    tokens_seen: int
    train_loss: float
    """Nats per token."""
    val_loss: float
    """Nats per token."""
    val_bpb: float | None
    """The validation loss in bits per byte of text, which can be compared between tokenizers: the nats of
    the evaluated targets / ln 2 / their bytes in UTF-8 (the ends of texts count in neither). Null where
    they have no bytes, and in rows of earlier versions."""
    learning_rate: float
    grad_norm: float | None
    """Global L2 norm of the gradient, before clipping."""
    tokens_per_s: float | None
    elapsed_s: float | None
    """Training time of all attempts until then, without pauses and waiting. Null in rows of earlier
    versions."""
    recorded_at: str


class Sample(TypedDict):
    """A text that the model generated during training."""

    id: str
    """Of the job's own samples."""
    step: int
    epoch: int
    index: int
    """Of the prompt among those of `sampling.start_context`, from 0."""
    prompt: str
    text: str
    """The prompt and its continuation."""
    recorded_at: str


class Checkpoint(TypedDict):
    """Saved weights of the model, which can generate text."""

    id: str
    step: int
    epoch: int
    train_loss: float | None
    val_loss: float
    bytes: int
    """Its size on disk."""
    sha256: str
    """Of the weights file."""
    kind: list[Literal["last", "best"]]
    """Whether it is the newest and whether it has the lowest validation loss of those that are kept."""
    created_at: str


class DeviceMetrics(TypedDict):
    """What a trainer took of its machine at one moment. What can't be measured there is null."""

    attempt: int
    step: int
    """Updates done."""
    elapsed_s: float
    """For how long the job's attempts had run, without pauses and waiting."""
    tokens_per_s: float | None
    mfu: float | None
    """Model FLOPs utilization (Chowdhery et al. 2022, appendix B): the model's operations a second as a
    share of the GPU's published peak for the numerics of the job; on the CPU, of the rate of matrix
    products that the worker has measured (`calibration` of `GET /workers`). Null where neither is
    known."""
    cpu_percent: float | None
    """Processor time since the row before, in percent of one core: two busy ones are 200."""
    memory_bytes: int | None
    """The trainer's resident memory."""
    gpu_utilization: float | None
    """Percent of the moments before in which the GPU computed something."""
    gpu_memory_bytes: int | None
    """In use on the GPU, by whatever."""
    gpu_power_w: float | None
    recorded_at: str


class Event(TypedDict):
    """Something that happened to a job."""

    id: str
    """Greater than those of all events that were recorded before, by any job."""
    job_id: str
    type: str
    """`status`: a job has been created (the first one) or has another status, told by `data.status`, with
    the cause: `error`, `ended_by`, `reason`. `evaluation`, `sample`, `checkpoint`: written, once for each
    step, also where a resumed attempt computes it again. `log`: the last lines of a trainer that failed.
    `changed`: the job's record has these new values. `deleted`: the job is gone, and so are its other
    events. Besides `started`, `not_exact`, `early_stop`, `crash`, `checkpoint_damaged` and
    `checkpoint_deleted`."""
    attempt: int
    """0 before the first."""
    data: dict[str, Any]
    created_at: str


class ProgressEvent(TypedDict):
    """How far a running job has come. Only streams have it, without an id: the next one says all that it
    said."""

    job_id: str
    type: Literal["progress"]
    attempt: int
    data: Progress


class LikelyToken(TypedDict):
    """A token that could have come next."""

    token: str
    """Its text. Bytes that are no whole character by themselves are U+FFFD in it."""
    bytes: list[int]
    """Its UTF-8 bytes, each from 0 to 255: those of several tokens together may be a character."""
    logprob: float | None
    """Natural logarithm of its probability under the model, at temperature 1 and over the whole
    vocabulary. Null if it is not finite."""


class TokenLogprob(TypedDict):
    """A token that was sampled, and those that were likeliest in its place."""

    token: str
    """Its text. Bytes that are no whole character by themselves are U+FFFD in it."""
    bytes: list[int]
    """Its UTF-8 bytes, each from 0 to 255: those of several tokens together may be a character."""
    logprob: float | None
    """Natural logarithm of its probability under the model, at temperature 1 and over the whole
    vocabulary. Null if it is not finite."""
    rank: int
    """1 for the likeliest token of the vocabulary; of equally likely ones the lower id comes first."""
    top: list[LikelyToken]
    """As many of the likeliest tokens as were asked for, the likeliest first."""


class Generation(TypedDict):
    """A prompt and its continuation by a job's checkpoint, or a model from outside."""

    object: Literal["generation"]
    job_id: str | None
    """Null for a model from outside."""
    model_id: str | None
    """Null for a job."""
    checkpoint: int | None
    """The step of the job's checkpoint."""
    prompt: str
    prompt_truncated: bool
    """Whether the prompt was longer than the context, so that only its end was used."""
    completion: str
    """The new text alone."""
    text: str
    """The prompt and the new text."""
    prompt_tokens: int
    completion_tokens: int
    finish_reason: Literal["length", "stop", "timeout"]
    """`length`: `max_new_tokens` ended it; `stop`: a stop string or the model; `timeout`: the time
    limit."""
    seed: int
    """With it the same request gives the same text again."""
    tokens_per_s: float
    logprobs: list[TokenLogprob] | None
    """Of each token of the completion, if they were asked for."""


class TokenScore(TypedDict):
    """A token of the text, and how well the model predicted it."""

    token: str
    """Its text. Bytes that are no whole character by themselves are U+FFFD in it."""
    bytes: list[int]
    """Its UTF-8 bytes: those of several tokens together may be a character."""
    nats: float | None
    """Its loss: minus the natural logarithm of its probability after the tokens before it. Null for the
    first token, which follows nothing."""
    rank: int | None
    """1 for the likeliest token of the vocabulary. Null for the first token."""


class Score(TypedDict):
    """How well a job's checkpoint, or a model from outside, predicts a text."""

    object: Literal["score"]
    job_id: str | None
    """Null for a model from outside."""
    model_id: str | None
    """Null for a job."""
    checkpoint: int | None
    """The step of the job's checkpoint."""
    tokens: list[TokenScore]
    loss: float | None
    """Mean of the tokens' nats. Null for a text of one token."""
    perplexity: float | None
    """The exponential of the loss. Null where the loss is, or where no number is large enough."""
    bits_per_byte: float | None
    """All nats, in bits, by the bytes of the tokens that have any: comparable between tokenizers."""


class TokenCount(TypedDict):
    """The tokens of a text, by one tokenizer and one split."""

    tokenizer: str
    """A built-in one's name, or the id of one of your own."""
    train_ratio: float
    """Share of the characters in the training text."""
    train_tokens: int
    """Ends of documents included."""
    val_tokens: int
    vocab_size: int | None
    """Tokens that the tokenizer knows; null, as what follows, where an earlier version has counted."""
    used_tokens: int | None
    """How many of these occur in the text, in either part."""
    vocabulary_used: float | None
    """Their share of the vocabulary."""
    longest_document_tokens: int | None
    """Tokens of the longest document, without its end; null if the text is plain."""


class Dataset(TypedDict):
    """A text to train on. Of a built-in one that has not been used yet, most fields are null."""

    id: str
    object: Literal["dataset"]
    name: str
    owner: str | None
    """Whose it is: the owner of the token that it was made with. Null if none was needed: everybody sees
    it, and administrators change it."""
    shared: bool
    """Whether others than its owner and administrators see it."""
    builtin: bool
    status: Literal["preparing", "ready", "failed"]
    """`preparing` while a worker counts the tokens of a long text; jobs may be posted meanwhile, and
    wait."""
    error: str | None
    """Why it could not be prepared."""
    byte_order_mark: bool | None
    """Whether the stored bytes begin with one. It is not part of the text."""
    characters: int | None
    """Of the text; each document has one more, which ends it."""
    documents: int | None
    """0 if the text is plain."""
    longest_document: int | None
    """Its characters; null if the text is plain."""
    tokens: int | None
    """GPT-2 tokens of both its parts at the default `train_ratio`; null until they have been counted."""
    token_counts: list[TokenCount]
    """What has been counted so far, for jobs that were posted: by tokenizer and `train_ratio`."""
    bytes: int | None
    """Size of the stored text, in UTF-8."""
    sha256: str | None
    """Of the bytes."""
    first_lines: str | None
    created_at: str | None


class AddedDataset(TypedDict):
    """A text to train on that has just been sent."""

    id: str
    object: Literal["dataset"]
    name: str
    owner: str | None
    """Whose it is: the owner of the token that it was made with. Null if none was needed: everybody sees
    it, and administrators change it."""
    shared: bool
    """Whether others than its owner and administrators see it."""
    builtin: bool
    status: Literal["preparing", "ready", "failed"]
    """`preparing` while a worker counts the tokens of a long text; jobs may be posted meanwhile, and
    wait."""
    error: str | None
    """Why it could not be prepared."""
    byte_order_mark: bool | None
    """Whether the stored bytes begin with one. It is not part of the text."""
    characters: int | None
    """Of the text; each document has one more, which ends it."""
    documents: int | None
    """0 if the text is plain."""
    longest_document: int | None
    """Its characters; null if the text is plain."""
    tokens: int | None
    """GPT-2 tokens of both its parts at the default `train_ratio`; null until they have been counted."""
    token_counts: list[TokenCount]
    """What has been counted so far, for jobs that were posted: by tokenizer and `train_ratio`."""
    bytes: int | None
    """Size of the stored text, in UTF-8."""
    sha256: str | None
    """Of the bytes."""
    first_lines: str | None
    created_at: str | None
    notices: list[str]
    """What the sender should know, in sentences: the same text is stored already under another name, it
    begins with a byte order mark, it names the end of a text, or documents without text were left out."""


class TextPart(TypedDict):
    """A part of a text."""

    object: Literal["text"]
    dataset_id: str
    offset: int
    """Characters before it."""
    text: str
    """U+0000 ends each document."""
    characters: int
    """Of the whole text."""
    has_more: bool
    """Whether the text goes on behind it."""


class TextToken(TypedDict):
    """A token of a text."""

    id: int
    text: str
    """U+FFFD stands for a part of a character."""
    start: int
    """Bytes of the part's text, in UTF-8, before the token."""
    end: int
    """Bytes up to its end."""


class TokenPart(TypedDict):
    """A part of a text, and its tokens."""

    object: Literal["tokens"]
    dataset_id: str
    tokenizer: str
    offset: int
    """Characters before the part: those that were asked for, or fewer, since it begins where tokens are
    divided."""
    text: str
    """U+0000 ends each document; it is the end-of-text token."""
    tokens: list[TextToken]
    """They follow one another without a gap, from the start of `text` to its end."""
    exact: bool
    """Whether they are those of the whole text. False within a word of more than 1,000 characters."""
    characters: int
    """Of the whole text."""
    has_more: bool
    """Whether the text goes on behind it, at `offset` and the characters of `text`."""


class Tokenizer(TypedDict):
    """A byte-level BPE that is trained on a data set."""

    id: str
    """What a job's `tokenizer` names it by."""
    object: Literal["tokenizer"]
    name: str
    owner: str | None
    """Whose it is: the owner of the token that it was made with. Null if none was needed: everybody sees
    it, and administrators change it."""
    shared: bool
    """Whether others than its owner and administrators see it."""
    status: Literal["preparing", "ready", "failed"]
    """`preparing` until a worker has trained it; jobs may be posted meanwhile, and wait."""
    error: str | None
    """Why it could not be trained, or, while it is `preparing`, why it is tried again later."""
    fraction: float
    """Of the work that is done: 0.9 once its text is read."""
    dataset: str
    """The id of the data set that it is trained on, which may have been deleted since it is ready."""
    dataset_sha256: str
    asked_vocab_size: int
    """Tokens that were asked for."""
    vocab_size: int | None
    """Tokens that it knows, the 256 bytes and the end of a text among them. Fewer than were asked for if
    its text is too small: a pair that occurs once is not merged. Null until it is ready."""
    sha256: str | None
    """Of its tokens as tiktoken's files have them; null until it is ready."""
    bytes_per_token: float | None
    """On the first `measured_bytes` of its own text; null until it is ready."""
    gpt2_bytes_per_token: float | None
    """The same of GPT-2's tokenizer, on the same bytes."""
    measured_bytes: int | None
    """Of its text, from its start, about 8 MiB at most."""
    created_at: str


class ImportedModel(TypedDict):
    """Weights from outside. What is null is known once it is ready."""

    id: str
    object: Literal["model"]
    name: str | None
    owner: str | None
    """Whose it is: the owner of the token that it was made with. Null if none was needed: everybody sees
    it, and administrators change it."""
    shared: bool
    """Whether others than its owner and administrators see it."""
    status: Literal["preparing", "ready", "failed"]
    """`preparing` while a worker checks and converts the files."""
    fraction: float
    """Of the weights that is converted."""
    error: str | None
    """Why it could not be imported, or not yet."""
    tokenizer: str | None
    model: dict[str, Any] | None
    """Its architecture, as the section `model` of a job that starts from it."""
    parameters: int | None
    bytes: int
    """Of the files as they were sent; once it is ready, of its weights in float32."""
    sha256: str | None
    """Of the weights, as the service keeps them."""
    created_at: str


class Token(TypedDict):
    """An access token, without its text."""

    id: str
    object: Literal["token"]
    name: str
    owner: str
    """Whose the jobs, data sets, tokenizers and models are that it makes."""
    scopes: list[str]
    """What it allows: `read`, `write` and `admin`, each of which has those before it."""
    created_at: str
    expires_at: str | None
    """Null: never."""
    revoked_at: str | None
    last_used_at: str | None
    """To the minute."""


class NewToken(TypedDict):
    """An access token that has just been made."""

    id: str
    object: Literal["token"]
    name: str
    owner: str
    """Whose the jobs, data sets, tokenizers and models are that it makes."""
    scopes: list[str]
    """What it allows: `read`, `write` and `admin`, each of which has those before it."""
    created_at: str
    expires_at: str | None
    """Null: never."""
    revoked_at: str | None
    last_used_at: str | None
    """To the minute."""
    token: str
    """Its text, for `Authorization: Bearer`. It is shown this once."""


class Webhook(TypedDict):
    """A URL that is told of what happens to jobs."""

    id: str
    object: Literal["webhook"]
    url: str
    events: list[
        Literal[
            "job.queued",
            "job.running",
            "job.paused",
            "job.succeeded",
            "job.failed",
            "job.cancelled",
            "job.deleted",
            "alert",
        ]
    ]
    """What it is told of."""
    secret: str | None
    """What its deliveries are signed with: in the answer to its POST, and null ever after."""
    status: Literal["enabled", "disabled"]
    """`disabled` once its deliveries have failed for so long that nothing more is sent; delete it, and
    post it anew."""
    detail: str | None
    """Why it is disabled."""
    failures: int
    """Attempts that have failed since the last one that succeeded."""
    created_at: str


class Delivery(TypedDict):
    """Something that a webhook was told, or is to be told."""

    id: str
    """As the receiver gets it, at every attempt."""
    object: Literal["delivery"]
    type: Literal[
        "job.queued",
        "job.running",
        "job.paused",
        "job.succeeded",
        "job.failed",
        "job.cancelled",
        "job.deleted",
        "alert",
    ]
    data: dict[str, Any]
    status: Literal["pending", "delivered", "failed"]
    """`failed` when it is tried no more: a day after it was made, or once the webhook is disabled."""
    attempts: int
    response_code: int | None
    """Of the last attempt; null if nothing answered."""
    error: str | None
    """Why the last attempt failed."""
    created_at: str
    next_attempt_at: str | None
    """Null unless it is pending."""
    delivered_at: str | None


class AuditEntry(TypedDict):
    """A change: who has made it, and what it was."""

    id: str
    object: Literal["audit_entry"]
    created_at: str
    action: str
    """Method and route, such as `POST /jobs/<job_id>/cancel`, or the command that worked in the
    database."""
    ids: list[str]
    """Of what the request names, has made or has changed; 100 at most."""
    status: int | None
    """With which the request was answered; null for a command."""
    request_id: str | None
    token_id: str | None
    """Null on a service without tokens, and for commands."""
    token_name: str | None
    owner: str | None
    """That of the token."""


class Rates(TypedDict):
    """How fast a machine trains in one numerics, measured on steps of small models."""

    flops_per_s: float
    """Of matrix products, and of what is computed for each of their operations besides."""
    attention_flops_per_s: float
    """Of the products of queries, keys and values, with their masks, softmax and dropout."""
    batch_s: float
    """Seconds that a batch takes besides, however small it and the model are."""
    layer_s: float
    """Seconds that a layer's operations take in a step, however small they are."""
    number_s: float
    """Seconds for each number of each layer's input, in a step."""
    logit_s: float
    """Seconds for each logit, in a step."""
    bytes_per_s: float
    """Of memory that an update reads and writes."""
    evaluated_share: float
    """Of the time that a batch takes, an update not counted, what it takes to evaluate one."""


class Calibration(TypedDict):
    """What a training worker knows of its machine."""

    device: str
    auto: str
    """What the numerics `auto` come to."""
    has_bfloat16_kernels: bool
    """Whether matrices are multiplied in bfloat16 without being converted to float32 first."""
    threads: int
    """CPU threads of a trainer."""
    rates: dict[str, Rates]
    """By numerics. Measured once, while neither a job nor any other program keeps the machine busy; until
    then there are none, and the time of a job is not known."""


class Worker(TypedDict):
    """A process that trains jobs (`train`) or answers prompts (`generate`)."""

    id: str
    object: Literal["worker"]
    queue: str
    host: str
    pid: int
    status: Literal["idle", "busy", "hung", "lost"]
    detail: str | None
    """Why it is hung or lost."""
    job_id: str | None
    """The job that it is working on; null also where that is another owner's."""
    memory_bytes: int | None
    """Memory that it has for a job, on its GPU or of the machine; null where it is unknown."""
    device: str | None
    """What it trains on: a GPU's name, or `cpu`; null where it is unknown, and for other queues."""
    calibration: Calibration | None
    """How its jobs are trained, and how fast; null until it has looked, and of other workers."""
    since: str
    """When it began that job, or became idle."""
    started_at: str
    heard_at: str
    """Its last heartbeat."""


class Limits(TypedDict):
    """What this service allows and has. What is beyond is refused with the reason."""

    object: Literal["limits"]
    max_body_bytes: int
    """Of a request's body, but for uploads."""
    max_dataset_bytes: int
    """Of an upload with a text."""
    max_model_bytes: int
    """Of all files of a model from outside together."""
    max_job_memory_bytes: int | None
    """That a job may be estimated to need: the setting, or what the largest of the live workers has; null
    where neither is known."""
    max_steps: int
    """Of a job."""
    max_samples: int
    """Of a job, of all prompts together."""
    max_prompts: int
    """In `sampling.start_context`."""
    max_new_tokens: int
    """Of a sample or a generation."""
    max_score_tokens: int
    """Of a text that is scored."""
    requests_per_minute: int | None
    """Of a token; null: any number. One more is answered with 429 and the seconds to wait."""
    generations_at_once: int | None
    """Of a token, texts to score among them; null: any number."""
    max_queued_jobs: int | None
    """Of an owner; null: any number. One more is answered with 429."""
    queued_jobs: int | None
    """Those of whoever asks; null without a token, which is not counted."""
    max_stored_bytes: int | None
    """Of all data sets, models and checkpoints of an owner; null: any number. More is answered with
    507."""
    stored_bytes: int | None
    """Those of whoever asks; null without a token, which is not counted."""
    generate_timeout_s: float
    """Until a generation is answered with what there is."""
    stop_grace_s: float
    """For a trainer that stops, to finish its step and write a checkpoint."""
    checkpoint_s: float
    """Of training, until a checkpoint is written that the spec has not asked for."""
    stall_s: float
    """Without a report, until a trainer counts as hung."""
    disk_total_bytes: int
    disk_free_bytes: int
    workers: list[Worker]
    """Those that work, with their memory and what they train on."""


class JobDisk(TypedDict):
    """What a job takes of the disk."""

    id: str
    name: str | None
    status: Status
    starred: bool
    archived: bool
    checkpoints: int
    """How many it keeps."""
    bytes: int
    """As its `disk_bytes`."""
    freeable_bytes: int
    """What `POST /disk/prune` would free of that with an empty body: 0 while it has not ended, and if it
    is starred."""


class Disk(TypedDict):
    """The disk that data sets and checkpoints lie on."""

    object: Literal["disk"]
    total_bytes: int
    free_bytes: int
    datasets_bytes: int
    """Texts and trained tokenizers."""
    tokens_bytes: int
    """Texts' tokens, which are written again when they are missing."""
    models_bytes: int
    """Models from outside."""
    jobs_bytes: int
    """Of all jobs together."""
    freeable_bytes: int
    data: list[JobDisk]
    """The jobs that take any, the largest first."""
    has_more: bool
    """Whether there are more jobs than `limit`."""


class PrunedCheckpoint(TypedDict):
    """A checkpoint, or an optimizer's state in one."""

    job_id: str
    step: int
    """The checkpoint's."""
    what: Literal["checkpoint", "optimizer"]
    """`checkpoint`: all of it; `optimizer`: its optimizer's state, the weights stay."""
    bytes: int


class Pruned(TypedDict):
    """What has been deleted, or with `dry_run` would be."""

    object: Literal["prune"]
    dry_run: bool
    bytes: int
    """Of all together. What a fork of the checkpoint still has is freed when that goes too."""
    data: list[PrunedCheckpoint]
