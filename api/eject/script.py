"""A job's `train.py` and README: templates, filled in with the job's spec, without what it does not use."""

import math
import re
from collections.abc import Mapping
from http import HTTPStatus
from importlib.metadata import requires
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from api.http.problems import HTTPProblem
from jobs.spec.job_spec import JobSpec
from jobs.store.tables import Dataset, Job
from model.config import GPTConfig, Run
from model.tokenizers import GPT2_PATTERN, BPETokenizer, Tokenizer

KNOWN_FIELDS: Mapping[str, set[str]] = {
    "model": {
        *("context_length", "emb_dim", "n_heads", "n_layers", "drop_rate"),
        *("qkv_bias", "tie_weights", "initialization"),
    },
    "training": {
        *("num_epochs", "max_steps", "batch_size", "grad_accumulation", "stride", "train_ratio"),
        *("optimizer", "learning_rate", "weight_decay", "betas", "lr_schedule", "warmup_steps"),
        *("min_learning_rate", "grad_clip", "numerics", "compile", "seed", "early_stopping_patience"),
    },
    "evaluation": {"eval_freq", "eval_iter"},
    "sampling": {
        *("start_context", "every_epochs", "every_steps"),
        *("max_new_tokens", "temperature", "top_k", "top_p"),
    },
}
"""Of each section: what the templates write out, or what changes no loss."""


def literal(value: object) -> str:
    """A text or a number as it stands in Python; a text in double quotes, unless it has some itself."""
    written = repr(value)
    return f'"{written[1:-1]}"' if written.startswith("'") and '"' not in written else written


TEMPLATES = Environment(
    loader=PackageLoader("api.eject"),
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=StrictUndefined,
)
TEMPLATES.filters["literal"] = literal
BLANK_LINES = re.compile(r"\n{4,}")
"""More than two, where a branch has been left out."""


class NotEjectable(HTTPProblem):
    """The spec has something that the templates do not write out (409); the detail says what."""

    def __init__(self, detail: str) -> None:
        super().__init__(HTTPStatus.CONFLICT, detail)


def tokens_file(tokenizer: BPETokenizer) -> str:
    """The name of the file that holds its tokens."""
    return f"{tokenizer.name}.tiktoken"


def train_script(job: Job, dataset: Dataset, spec: JobSpec, tokenizer: Tokenizer) -> str:
    """raises  NotEjectable"""
    script = TEMPLATES.get_template("train.py.jinja").render(template_values(job, dataset, spec, tokenizer))
    return BLANK_LINES.sub("\n\n\n", script)


def readme(job: Job, dataset: Dataset, spec: JobSpec, tokenizer: Tokenizer) -> str:
    values = template_values(job, dataset, spec, tokenizer)
    packages = [pinned("torch"), *([pinned("tiktoken")] if values["bpe"] else [])]
    left_out = ["checkpoints", *(["training.compile"] if spec.training.compile else [])]
    return TEMPLATES.get_template("README.md.jinja").render(
        values,
        title=" ".join((spec.name or job.id).split()),
        packages=" ".join(repr(package) if "<" in package else package for package in packages),
        text_sha256=job.dataset_sha256,
        left_out=left_out,
    )


def pinned(package: str) -> str:
    """The package with the versions that the service itself asks for: `torch==2.13.0`."""
    mine = (requirement.partition(";")[0].strip() for requirement in requires("pretrain") or [])
    return next(each for each in mine if each.startswith((f"{package}=", f"{package}<", f"{package}>")))


def template_values(job: Job, dataset: Dataset, spec: JobSpec, tokenizer: Tokenizer) -> dict[str, Any]:
    """What the templates know. raises  NotEjectable"""
    if parent := job.parent_model_id or job.parent_id:
        raise NotEjectable(
            f"the job can't be written out as one plain file: it starts from the weights of {parent}"
        )
    if spec.validation_dataset is not None:
        raise NotEjectable(
            "the job can't be written out as one plain file: validation_dataset is not supported yet"
        )
    check_known(spec)
    spec = spec.with_tokenizer(tokenizer)
    config, training = spec.gpt, spec.training
    numerics = resolved_numerics(job, spec)
    is_finished = [
        *(["step == total_steps"] if training.max_steps is not None else []),
        *(["evaluations_since_best == PATIENCE"] if training.early_stopping_patience is not None else []),
    ]
    return {
        "job_id": job.id,
        "model": config,
        "training": training,
        "evaluation": spec.evaluation,
        "sampling": spec.sampling,
        "vocab_size": config.vocab_size,
        "end_of_text": tokenizer.end_of_text,
        "guess": math.log(config.vocab_size),
        "pattern": GPT2_PATTERN,
        "stride": training.stride or config.context_length,
        "text_start_bytes": dataset.text_start_bytes,
        "documents": dataset.documents or 0,
        "device": "cuda" if (job.device or "").startswith("cuda") else "cpu",
        "threads": job.threads if numerics == "reference" else None,
        "numerics": numerics,
        "reference": numerics == "reference",
        "exact": numerics == "reference",
        "bfloat16": numerics == "bfloat16",
        "gpt2": spec.tokenizer == "gpt2",
        "bpe": isinstance(tokenizer, BPETokenizer),
        "tokens_file": tokens_file(tokenizer) if isinstance(tokenizer, BPETokenizer) else None,
        **used_features(config, spec),
        "finished": " or ".join(is_finished),
        "sampled": sample_condition(spec),
    }


def sample_condition(spec: JobSpec) -> str:
    """When the model writes, in a file where that is not simply after each epoch."""
    sampling = spec.sampling
    per_epoch = "steps_per_epoch" if spec.training.grad_accumulation > 1 else "batches_per_epoch"
    conditions = ["is_last"]
    if sampling.every_steps is not None:
        conditions.append("step % SAMPLE_STEPS == 0")
    if sampling.every_epochs is not None:
        epochs = per_epoch if sampling.every_epochs == 1 else f"(SAMPLE_EPOCHS * {per_epoch})"
        conditions.append(f"step % {epochs} == 0")
    return " or ".join(conditions)


def used_features(config: GPTConfig, spec: JobSpec) -> dict[str, bool]:
    """Which of the templates' branches this spec uses."""
    training, sampling = spec.training, spec.sampling
    decays, warms_up = training.lr_schedule != "constant", training.warmup_steps > 0
    return {
        "dropout": config.drop_rate > 0,
        "gpt2_init": config.initialization == "gpt2",
        "muon": training.optimizer == "muon",
        "accumulates": training.grad_accumulation > 1,
        "max_steps": training.max_steps is not None,
        "clips": training.grad_clip is not None,
        "patience": training.early_stopping_patience is not None,
        "decays": decays,
        "cosine": training.lr_schedule == "cosine",
        "warms_up": warms_up,
        "rate_changes": decays or warms_up,
        "limits_evaluation": spec.evaluation.eval_iter is not None,
        "several_prompts": len(sampling.prompts) > 1,
        "samples_by_epoch": (sampling.every_epochs, sampling.every_steps) == (1, None),
        "sample_epochs": sampling.every_epochs not in (None, 1),
        "draws": sampling.temperature > 0,
        "top_p": sampling.top_p is not None and sampling.top_p < 1,
    }


def resolved_numerics(job: Job, spec: JobSpec) -> str:
    """Those that the job's first attempt has resolved; before it, float32 for `auto`."""
    numerics = job.numerics or spec.training.numerics
    return "float32" if numerics == "auto" else numerics


def check_known(spec: Run) -> None:
    """raises  NotEjectable if a field that the templates do not know has another value than its default"""
    unknown = [
        f"{section}.{name}"
        for section, known in KNOWN_FIELDS.items()
        for name in getattr(spec, section).model_dump(exclude_defaults=True)
        if name not in known
    ]
    if unknown:
        raise NotEjectable(
            f"the job can't be written out as one plain file: {', '.join(unknown)} is not supported yet"
        )
