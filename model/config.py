"""What a run is made of: the sections of a job's spec that the model and its loop read.

Every model is strict (`"10"` and `true` are no integers), closed (unknown fields are refused) and frozen.
The defaults are those of the lecture's run; a field's docstring is its description in `/openapi.json`.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeGuard

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    PrivateAttr,
    Tag,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

if TYPE_CHECKING:
    from model.tokenizers import Tokenizer

Optimizer = Literal["adamw", "muon"]
LRSchedule = Literal["constant", "linear", "cosine"]
Numerics = Literal["auto", "reference", "float32", "bfloat16"]
Initialization = Literal["pytorch", "gpt2"]
EndedBy = Literal["epochs", "max_steps", "early_stopping", "finish"]
"""What a run came to its end by."""

WHOLE_TEXT = 1.0
"""The `train_ratio` of a text that is not split."""

MAX_SEED = 2**32 - 1
"""PyTorch's generator on the CPU takes the lower 32 bits of a seed: greater ones would repeat these."""


SURROGATE = re.compile("[\ud800-\udfff]")
LONE_SURROGATE = "must not contain a lone surrogate: it is not valid Unicode text"


def storable(text: str) -> str:
    """Return `text` unchanged; ValueError if a database or a tokenizer could not hold it."""
    if "\x00" in text:
        raise ValueError("must not contain a NUL character")
    if SURROGATE.search(text):
        raise ValueError(LONE_SURROGATE)
    return text


@dataclass(frozen=True)
class Documented:
    """A pattern that a text must match, for `/openapi.json`; a validator beside it checks it and says why."""

    pattern: str

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "pattern": self.pattern}


Text = Annotated[str, AfterValidator(storable), Documented(r"^[^\u0000]*$")]
"""Lone surrogates cannot be documented: no pattern of every language can name them."""

Count = Annotated[int, Field(ge=1, le=1_000_000_000)]


class StrictModel(BaseModel):
    """The base of all that a run is made of."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def known_fields(model: type[BaseModel], stored: Any) -> Any:
    """`stored`, a `model` that an earlier version wrote as JSON, without the fields that have gone since.

    Those that came since are not there either: they get their defaults when the model is validated.
    """
    if not isinstance(stored, dict):
        return stored
    return {
        name: known_fields(kind, stored[name]) if is_model(kind := field.annotation) else stored[name]
        for name, field in model.model_fields.items()
        if name in stored
    }


def is_model(kind: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


WEIGHTLESS_FIELDS = frozenset({"drop_rate"})
"""Of the section `model`: what the weights do not depend on, so that a job which starts from them may differ
in it."""


class ModelConfig(StrictModel):
    """The shape of the GPT. The vocabulary's size is not here: it follows from the tokenizer."""

    context_length: int = Field(256, ge=1, le=131_072)
    """Tokens that the model sees at once. Default: the lecture's 256 (GPT-2 has 1,024)."""

    emb_dim: int = Field(768, ge=1, le=65_536)
    """Width of the residual stream; a multiple of `n_heads`. Default: GPT-2 small's."""

    n_heads: int = Field(12, ge=1, le=1_024)
    """Attention heads of each block. Default: GPT-2 small's."""

    n_layers: int = Field(12, ge=1, le=1_024)
    """Transformer blocks. Default: GPT-2 small's."""

    drop_rate: float = Field(0.1, ge=0, lt=1)
    """Dropout probability, for embeddings, attention weights and both residual connections.
    Default: GPT-2's."""

    qkv_bias: bool = False
    """Whether the query, key and value projections have a bias. Default: the lecture's (GPT-2 has one)."""

    tie_weights: bool = False
    """Whether the output head is the token embedding's matrix. Default: the lecture's (GPT-2 ties them)."""

    initialization: Initialization | None = None
    """`pytorch`: PyTorch's defaults, drawn in the lecture's order of modules. `gpt2`: GPT-2's scheme, normal
    weights of standard deviation 0.02 (Radford et al. 2019). Default: null, which is filled in: `gpt2` where
    the head is tied, as PyTorch's N(0, 1) embedding would be the output matrix too and start at a loss in the
    hundreds, else `pytorch`, the lecture's."""


class TrainingConfig(StrictModel):
    """How the model learns."""

    num_epochs: Count = 10
    """Passes over the training text. Default: the lecture's."""

    max_steps: Count | None = None
    """Stop after this many optimizer steps, if the epochs have not ended before. Default: no limit."""

    batch_size: int = Field(2, ge=1, le=65_536)
    """Windows in a micro-batch. Default: the lecture's."""

    grad_accumulation: int = Field(1, ge=1, le=65_536)
    """Micro-batches whose gradients are averaged into one optimizer step. The last step of an epoch takes
    those that are left. Default: the lecture's (none)."""

    stride: Count | None = None
    """Tokens between the starts of two neighbouring windows; null means `context_length`, so that windows
    tile the text. Default: the lecture's."""

    train_ratio: float | None = Field(0.9, gt=0, lt=1)
    """Share of the text's characters, from its start, to train on; the rest validates. Null, which is filled
    in, where there is a `validation_dataset`: all of the text is trained on. Default: the lecture's."""

    optimizer: Optimizer = "adamw"
    """`adamw` (Loshchilov and Hutter 2019), or `muon` (Jordan et al. 2024) for the matrices of the blocks and
    AdamW for the rest. Default: the lecture's."""

    learning_rate: float = Field(4e-4, gt=0, le=100)
    """Peak learning rate. Default: the lecture's."""

    weight_decay: float = Field(0.1, ge=0, le=100)
    """Decoupled weight decay, on every parameter. Default: the lecture's."""

    betas: Annotated[
        tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]], Field(strict=False)
    ] = (0.9, 0.999)
    """AdamW's decay rates of the first and the second moment. Default: PyTorch's, as in the lecture."""

    lr_schedule: LRSchedule = "constant"
    """`constant`, `linear` or `cosine` decay from `learning_rate` to `min_learning_rate` after the warm-up.
    Default: the lecture's."""

    warmup_steps: int = Field(0, ge=0, le=1_000_000_000)
    """Steps over which the rate rises linearly to `learning_rate`, at most those of the job. Default: the
    lecture's (none)."""

    min_learning_rate: float = Field(0.0, ge=0, le=100)
    """What `linear` and `cosine` approach: the step after the last would have it. At most `learning_rate`.
    Default: 0."""

    grad_clip: float | None = Field(None, gt=0, le=1_000_000)
    """Global gradient-norm clip: the greatest L2 norm of all gradients together; null does not clip.
    Default: the lecture's (null)."""

    numerics: Numerics = "auto"
    """`reference`: float32 and the lecture's own arithmetic and random draws, to the digit. `float32` and
    `bfloat16`: the same mathematics, computed fast (`float32` on a GPU by TF32, 10 bits of precision).
    `auto`: bfloat16 where the device has arithmetic for it, else float32. Default: auto."""

    compile: bool = False
    """Whether to compile the loss with `torch.compile`: the first step takes up to a minute longer, those
    after it less time on a GPU, so that it pays there for jobs of more than a thousand steps. Not with the
    numerics `reference`; the worker needs a C++ compiler. Default: no."""

    # Specs of earlier versions may have seeds up to 2^63 - 1; a rule of `jobs.spec.job_spec` bounds new ones.
    seed: int = Field(123, ge=0, le=2**63 - 1, json_schema_extra={"maximum": MAX_SEED})
    """Seeds the weights, the dropout and the epochs' order. Default: the lecture's."""

    early_stopping_patience: Count | None = None
    """Stop after this many evaluations in a row without a new lowest validation loss; null never stops
    early. With it, the weights of every evaluation of a new lowest validation loss are a checkpoint.
    Default: the lecture's (null)."""

    @property
    def train_share(self) -> float:
        """Of the text's characters, how many are trained on: with a text of its own to validate on, all."""
        return WHOLE_TEXT if self.train_ratio is None else self.train_ratio


class EvaluationConfig(StrictModel):
    """When and how both losses are measured."""

    eval_freq: Count = 5
    """Steps between evaluations; the first follows step 0, and the last step is always evaluated.
    Default: the lecture's."""

    eval_iter: Count | None = 5
    """Batches of each split in an evaluation, at most; null takes all of both. Default: the lecture's."""


class Distribution(StrictModel):
    """What shapes the distribution that the next token comes from. The settings of text samples and a request
    for a text are such ones, so that its fields stand among theirs."""

    temperature: float = Field(0.0, ge=0, le=100)
    """0 takes the likeliest token; above, logits are divided by it and a token is drawn.
    Default: the lecture's 0."""

    top_k: int | None = Field(None, ge=1, le=1_000_000)
    """Draw among the k likeliest tokens only. Default: null, all of them."""

    top_p: float | None = Field(None, gt=0, le=1)
    """Draw among the fewest likeliest tokens whose probabilities reach this sum (Holtzman et al. 2020).
    Default: null, all of them."""


MAX_PROMPTS = 8
MAX_NEW_TOKENS = 10_000

Prompt = Annotated[Text, Field(min_length=1, max_length=10_000)]


def kind_of_prompts(given: Any) -> str | None:
    return "[list]" if isinstance(given, list) else "[text]" if isinstance(given, str) else None


TextOrTexts = Annotated[
    Annotated[Prompt, Tag("[text]")]
    | Annotated[list[Prompt], Field(min_length=1, max_length=MAX_PROMPTS), Tag("[list]")],
    Discriminator(kind_of_prompts),
]
"""By its type, so that what is wrong is said of the one that was meant. The tags show in errors' paths alone,
from which `jobs.validation.field_errors` takes them."""


class SampledText(StrictModel):
    """Where text samples begin and end, and when they are written."""

    start_context: TextOrTexts = "Every effort moves you"
    """The prompt, or up to 8 of them, each continued as if it were the only one. Default: the lecture's."""

    every_epochs: Count | None = 1
    """Epochs between samples; null for none by epoch. One is always written at the end. Default: the
    lecture's."""

    every_steps: Count | None = None
    """Steps between samples; null for none by step. Default: the lecture's (null)."""

    max_new_tokens: int = Field(50, ge=1, le=MAX_NEW_TOKENS)
    """Tokens to generate. Default: the lecture's."""

    @property
    def prompts(self) -> list[str]:
        context = self.start_context
        return [context] if isinstance(context, str) else context


# Pydantic puts the fields of the last base first: a spec has the text before the distribution.
class SamplingConfig(Distribution, SampledText):
    """The text samples, of every epoch unless said otherwise."""


class CheckpointConfig(StrictModel):
    """When checkpoints are written and which are kept. One is always written at the end, and one whenever
    `PRETRAIN_CHECKPOINT_S` of training have gone by without."""

    every_epochs: Count | None = 1
    """Epochs between checkpoints; null for none by epoch. Default: 1."""

    every_steps: Count | None = None
    """Steps between checkpoints; null for none by step. Default: null."""

    keep_last: int = Field(1, ge=1, le=1_000)
    """Newest checkpoints to keep, with all that resuming needs. Default: 1."""

    keep_best: int = Field(1, ge=0, le=1_000)
    """Checkpoints of lowest validation loss to keep; with `training.early_stopping_patience` at least one is
    kept. Default: 1."""


class GPTConfig(ModelConfig):
    """All that building the network needs: the model's section, filled in, and the vocabulary."""

    vocab_size: int = Field(ge=1)
    """Tokens that the tokenizer knows."""

    initialization: Initialization = "pytorch"


class Run(StrictModel):
    """What `model.training.train` is given: the part of a job's spec that the model and its loop read."""

    tokenizer: str = "gpt2"
    """The name of one that is built in (`model.tokenizers.TOKENIZERS`), or the id of one that was trained on
    a data set. Default: the lecture's."""

    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    sampling: SamplingConfig = SamplingConfig()
    checkpoints: CheckpointConfig = CheckpointConfig()

    _own_vocab_size: int | None = PrivateAttr(None)
    """Tokens of a tokenizer that was trained on a data set: its name alone does not say."""

    def with_vocab_size(self, vocab_size: int) -> Self:
        """The same run, whose tokenizer is one that was trained on a data set."""
        run = self.model_copy()
        run._own_vocab_size = vocab_size
        return run

    def with_tokenizer(self, tokenizer: "Tokenizer") -> Self:
        """The same run, once its tokenizer has been found, which says how large the vocabulary is."""
        return self if tokenizer.tokenizer_json is None else self.with_vocab_size(tokenizer.vocab_size)

    @property
    def has_own_tokenizer(self) -> bool:
        """Whether the tokenizer is one that was trained on a data set."""
        return self._own_vocab_size is not None

    @property
    def vocab_size(self) -> int:
        """Tokens that the tokenizer knows. raises KeyError if it is not built in, and nobody said"""
        if self._own_vocab_size is not None:
            return self._own_vocab_size
        # What it imports takes a while, and most who read a configuration need no tokens.
        from model.tokenizers import load_tokenizer

        return load_tokenizer(self.tokenizer).vocab_size

    @property
    def gpt(self) -> GPTConfig:
        """The network's configuration, with the vocabulary of the tokenizer. raises KeyError as
        `vocab_size`"""
        model = with_initialization(self.model.model_dump())
        return GPTConfig.model_validate({**model, "vocab_size": self.vocab_size})

    @property
    def retention(self) -> CheckpointConfig:
        """Which checkpoints are kept; with patience the best one is, past which a run goes to stop early."""
        keep = self.checkpoints
        if self.training.early_stopping_patience is None or keep.keep_best > 0:
            return keep
        return keep.model_copy(update={"keep_best": 1})

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` turns back into this run; its `model` has the vocabulary too."""
        sections = self.model_dump(mode="json", include=set(Run.model_fields))
        return {**sections, "model": self.gpt.model_dump(mode="json")}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Run":
        """The run that `to_json` wrote, also that of an earlier version: what has gone since is left out.

        Raises pydantic's ValidationError or KeyError if `stored` is not one.
        """
        from model.tokenizers import TOKENIZERS

        run = Run.model_validate(known_fields(Run, {name: stored[name] for name in Run.model_fields}))
        if run.tokenizer in TOKENIZERS:
            return run
        return run.with_vocab_size(stored["model"]["vocab_size"])


def with_initialization(model: dict[str, Any]) -> dict[str, Any]:
    """The fields of a `ModelConfig` with its `initialization` filled in, if that is null."""
    if model.get("initialization") is not None:
        return model
    initialization: Initialization = "gpt2" if model.get("tie_weights") else "pytorch"
    return {**model, "initialization": initialization}
